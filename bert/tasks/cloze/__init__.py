"""Cloze questions: the word that fills a blank is the class of a text. For few labels or none."""
