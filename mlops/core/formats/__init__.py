"""How pages write times: one format in every language, with seconds and zone."""
