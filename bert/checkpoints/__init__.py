"""Files to parameters and back; the only room that knows foreign formats."""
