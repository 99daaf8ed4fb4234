"""From named arrays to the weights of a model."""
