"""Readers of the first reading rules, kept for deployments that serve under them."""
