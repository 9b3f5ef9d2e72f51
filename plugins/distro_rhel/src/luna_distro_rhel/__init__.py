"""RHEL, its rebuilds and Fedora for luna."""
