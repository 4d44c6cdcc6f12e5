"""Files <-> parameters: the only room that knows foreign formats."""
