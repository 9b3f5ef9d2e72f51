"""Machines known by their SMBIOS tables."""
