"""Intensity normalisation as frozen numbers: percentile, mean and deviation, minimum and maximum.

All methods are affine, ``y = (x - offset) / scale`` for each channel, so a model keeps two numbers
a channel for its input and two for its target, and nothing is ever computed from a tile.
"""
