"""The background process: one loop, and threads beside it, which the apps register."""
