"""The jobs: train, restore, evaluate, simulate; one function each."""
