"""The format `.tflite`, from converting a model to running its file."""
