"""luna boots clusters of bare-metal nodes from images that the nodes fetch from each other."""

__version__ = "0.1.0"
