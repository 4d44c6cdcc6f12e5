"""The room of ``train_finetune.py``: its settings, messages and known data sets."""
