"""DHCP and DNS as generated files, and the processes that `luna serve` keeps running. Public for plugins."""
