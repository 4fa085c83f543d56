"""The wire form of lifecycle in `/api/v1`: bodies are strict, answers sparse."""
