"""The explorer: a trained BERT as one HTML file, which runs the model in the reader's browser."""
