"""Debian and Ubuntu for luna."""
