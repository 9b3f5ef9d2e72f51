"""Machines known by their MACs."""
