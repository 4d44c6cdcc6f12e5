"""The room of ``train_pretrain.py``: its settings and recipes, messages and plans."""
