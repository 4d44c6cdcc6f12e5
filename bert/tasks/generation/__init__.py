"""Translations, summaries in new words, replies: a target written for a source."""
