"""Training, checkpoints and evaluation of runs."""
