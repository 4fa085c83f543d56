"""Looks for what is wrong with an installation, and mends what can be mended."""
