"""Every tensor on the way from characters to scores, recorded while the model runs."""
