"""Metrics: how near an image is to a reference, as one number."""
