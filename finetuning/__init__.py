"""The rooms of ``train_finetune.py``: its settings, its messages, and the data sets that it knows by name."""
