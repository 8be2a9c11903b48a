"""The PyTorch engine.  Importing this package does not import torch."""
