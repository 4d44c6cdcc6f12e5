"""Files of labelled examples -> batches: one file per format of input, and what all of them share."""
