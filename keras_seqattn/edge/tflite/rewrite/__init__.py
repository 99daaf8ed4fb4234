"""Exact rewrites of a `.tflite` file."""
