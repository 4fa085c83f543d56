"""The inference gateway: a process of its own that imports no Django."""
