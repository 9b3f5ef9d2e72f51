"""Image versions over BitTorrent, from node to node."""
