"""From a Keras model to a graph: which layers are understood, and as what."""
