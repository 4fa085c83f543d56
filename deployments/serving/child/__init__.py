"""What runs inside a model's own process: no Django, no database, no secrets."""
