"""Unknown machines become nodes of a group."""
