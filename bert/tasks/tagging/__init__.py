"""A tag for each word of a sentence: named entities and the like."""
