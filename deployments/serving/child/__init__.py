"""Code of a model process: no Django, no database, no secrets."""
