"""What runs on a node before it has an image: Python's standard library, and nothing of luna but this package."""
