"""What distros have in common and may not copy from each other: what a tree says of itself, who may log in, its links.

Public to distros alone (docs/decisions/0005).
"""
