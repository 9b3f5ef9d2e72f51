"""The scripts that a node would get if it booted now."""

from typing import Literal

from luna_core.boot import scripts
from luna_core.boot.facts import ask_plugins, boot_facts
from luna_core.boot.system import own_system
from luna_core.model import Node
from luna_core.operations import Luna

# In the place of a token, which only the node itself ever gets.
MASKED = "TOKEN-OF-THE-SESSION"


def preview(luna: Luna, name: str, script: Literal["boot", "install"]) -> str:
    """The iPXE script or the install script of a node. Raises what would keep it from booting."""
    values = luna.cluster_settings()
    versions = luna.settings.images_directory
    facts = luna.read(lambda work: boot_facts(work, values, work.get(Node, name), versions))
    offers = ask_plugins(luna.hooks, facts)
    controller = facts.node.frontends()[0]
    host = f"[{controller}]" if controller.version == 6 else str(controller)
    url = f"http://{host}:{values['http.port']}"
    if script == "boot":
        return scripts.boot_script(url, facts, offers, MASKED)
    url = scripts.session_url(url, facts.node.cluster)
    return scripts.install_script(url, facts, offers, *own_system(facts, luna.settings))
