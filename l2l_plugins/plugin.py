"""Hook implementations of the built-in methods."""
