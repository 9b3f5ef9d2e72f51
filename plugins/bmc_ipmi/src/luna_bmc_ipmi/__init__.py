"""IPMI 2.0 for luna."""
