"""How much two texts mean the same: a score for each pair (STS-B)."""
