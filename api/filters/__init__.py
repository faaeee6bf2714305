"""CQL2 filters over features."""
