"""The training loop that all engines share; imports no framework."""
