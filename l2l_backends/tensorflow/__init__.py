"""The TensorFlow engine.  Importing this package does not import TensorFlow."""
