"""Departures from the paper's model, each a subclass of one of its parts; ``bert/model`` does not know them."""
