"""The boot server: what nodes ask over HTTP while they boot."""
