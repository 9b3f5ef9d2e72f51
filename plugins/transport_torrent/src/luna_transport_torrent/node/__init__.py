"""The part that runs on a node, in the initramfs: the standard library, libtorrent and luna_core.node only."""
