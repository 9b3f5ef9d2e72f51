"""A virtual cluster on one machine: a network namespace, a bridge, and QEMU machines that boot from the network."""
