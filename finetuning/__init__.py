"""What ``train_finetune.py`` joins: the kinds of tasks in a table (``kinds.py``), a file for each with its head and
measures, and beside them what its user tells it and is told.
"""
