"""DHCP, TFTP and router advertisements by dnsmasq."""
