"""Disks of a node as its layout says: look at what is there, plan, refuse or carry out. Standard library only."""
