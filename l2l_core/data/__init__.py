"""Training data: pairs, splits, patches, simulated specimens."""
