"""Webhooks: what is queued, in which order it is sent, what a receiver sees."""
