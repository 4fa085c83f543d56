"""The staff's pages of datasets and features; every change goes by a verb."""
