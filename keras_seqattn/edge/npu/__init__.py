"""Files for a phone's NPU: compiled by its maker's own compiler, on a machine without the chip."""
