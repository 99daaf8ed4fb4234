"""The format `.onnx`: written, read and run."""
