"""Korean pages."""
