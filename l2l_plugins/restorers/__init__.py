"""Restorers that come with this software."""
