"""Search by meaning: texts as vectors in a directory, and the nearest of them.

write.py          texts and vectors -> a directory
index.py          the directory, opened
exact.py          the nearest vectors: all are compared
approximate.py    the same with a graph, which finds most of them sooner
"""
