"""What a task joins, for ``train_finetune.py``: its reader, its head, its batches and its measures. A file per task."""
