"""How datasets and features look on the wire."""
