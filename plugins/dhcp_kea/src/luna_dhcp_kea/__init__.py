"""DHCP by Kea."""
