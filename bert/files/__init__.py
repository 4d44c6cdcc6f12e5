"""Files that are whole or not there, tables, and the terminal."""
