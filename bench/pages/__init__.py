"""What a page of the admin and a curve of a million points cost the web process."""
