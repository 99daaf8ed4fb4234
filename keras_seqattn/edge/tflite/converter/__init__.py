"""TensorFlow's converter, in a process of its own."""
