"""The relation between two marked entities of a text."""
