"""The key of a node's encrypted disks: made once, kept with the node, and given to it in its live session only."""

import secrets

from luna_core.errors import BadInput
from luna_core.model import Node
from luna_core.model.disks import DiskLayout
from luna_core.operations.inherit import Lineages
from luna_core.operations.work import Work

KEY_BYTES = 32


def needed_key(work: Work, node: Node) -> str:
    """The key, empty if there is none yet. Raises BadInput if the node's layout encrypts nothing."""
    layout = Lineages(work).of(node.group).say("disks", node).value
    if not isinstance(layout, DiskLayout) or not layout.is_encrypted():
        raise BadInput(f"node {node.name}: disks: nothing of its layout is encrypted.")
    return work.keyring.decrypt(node.disk_key) if node.disk_key else ""


def make_key(work: Work, name: str) -> str:
    """Give the node a key of 256 random bits, in hexadecimal so that it can be typed, unless it has one by now."""
    node = work.get(Node, name)
    if node.disk_key is None:
        node = node.changed(disk_key=work.keyring.encrypt(secrets.token_hex(KEY_BYTES)))
        work.put(node)
    return work.keyring.decrypt(str(node.disk_key))


def shown_key(work: Work, name: str) -> str:
    """The key, for an administrator. Raises BadInput if the node has none, LunaError for who may not decrypt it."""
    node = work.get(Node, name)
    if node.disk_key is None:
        raise BadInput(f"node {name}: it has no key yet; it gets one when something is first encrypted.")
    return work.keyring.decrypt(node.disk_key)
