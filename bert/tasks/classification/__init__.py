"""A class, several classes or a number for each text or pair."""
