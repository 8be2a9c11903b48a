"""Model folders of CSBDeep, read and written with h5py alone: ``config.json`` and Keras weights."""
