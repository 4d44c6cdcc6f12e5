"""A trained model as a file that runs without this package: a program of PyTorch, or an ONNX graph."""
