"""The REST API of datasets and features."""
