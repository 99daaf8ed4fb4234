"""What in a training step a TPU would not take, told before it runs."""
