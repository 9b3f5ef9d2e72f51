"""From power-on to login: what a node runs before it has an image."""
