"""The inference door: a process of its own that imports no Django."""
