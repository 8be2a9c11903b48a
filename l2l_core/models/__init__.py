"""What is on disk after training: model folder and run folder."""
