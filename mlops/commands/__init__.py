"""Commands of Django that write people, in the place of its own: on record."""
