"""The graph that stands between a Keras model and its file."""
