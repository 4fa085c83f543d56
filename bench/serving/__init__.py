"""Serving: latency, throughput, memory and deploy time of the local target."""
