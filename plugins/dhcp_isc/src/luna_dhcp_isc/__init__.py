"""DHCP by ISC dhcpd."""
