"""DNS by BIND."""
