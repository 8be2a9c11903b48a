"""Images: axes, reading, writing, statistics and normalisation."""
