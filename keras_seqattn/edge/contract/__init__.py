"""What a file says of itself: its contract, its checksum, its pixels."""
