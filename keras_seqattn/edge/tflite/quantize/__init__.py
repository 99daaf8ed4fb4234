"""From a float `.tflite` file to one of integers."""
