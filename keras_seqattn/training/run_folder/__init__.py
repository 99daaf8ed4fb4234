"""What a run leaves on disk: states, log, curves, card."""
