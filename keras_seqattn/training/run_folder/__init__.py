"""What a run leaves on disk: states and log, curves and card."""
