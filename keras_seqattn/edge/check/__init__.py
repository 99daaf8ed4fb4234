"""Whether a file does what its model does."""
