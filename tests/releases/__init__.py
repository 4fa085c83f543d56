"""Stores that releases wrote, and whether today's code still answers from them."""
