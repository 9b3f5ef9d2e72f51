"""DNS by dnsmasq."""
