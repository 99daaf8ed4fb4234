"""The format `.tflite`: written, read, rewritten, quantised and run."""
