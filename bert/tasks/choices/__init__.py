"""The best of several continuations of a text (SWAG)."""
