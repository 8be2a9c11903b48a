"""Restoring in tiles: exact, in memory and beyond."""
