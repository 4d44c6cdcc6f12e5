"""A class of a text, as the word that fills a blank: cloze questions, for few labels or none."""
