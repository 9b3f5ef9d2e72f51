"""Drivers that need no machine, named `fake`: for tests, for trying luna out, and as the shortest complete examples."""
