"""The graph between a Keras model and its file: nodes, their kinds, inputs and outputs."""
