"""How files were read under the first rules; kept for what serves under them."""
