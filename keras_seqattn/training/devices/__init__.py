"""Where a model trains: devices and processes, and how these end."""
