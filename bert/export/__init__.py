"""A trained model as files that run without this package.

``formats.py`` has the formats: a program of PyTorch, an ONNX graph, and an archive of Google's code.
"""
