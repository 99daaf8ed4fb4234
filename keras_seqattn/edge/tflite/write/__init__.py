"""A graph as a `.tflite` file, written op by op."""
