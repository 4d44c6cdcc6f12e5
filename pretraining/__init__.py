"""What ``train_pretrain.py`` is told by its user and tells its user: flags with their recipes, and words."""
