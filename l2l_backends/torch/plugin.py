"""Hook implementations of the PyTorch engine; imports no framework."""
