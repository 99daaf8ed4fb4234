"""Where a model trains: devices, processes, and their ends."""
