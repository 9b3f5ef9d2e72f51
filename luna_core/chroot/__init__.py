"""What runs on the controller while someone works inside an osimage's tree, started by operations/images/chroot.py.

luna ── unshare ── process 1 of the namespaces (`python -m luna_core.chroot`) ── the command, in the tree

Process 1 mounts, starts the command, answers its uname(2) and ends with it, or with luna. The kernel then kills all
that is left in the namespaces, and with the last of them the mounts are gone, however it came about.
"""
