"""Ansible inventory luna.cluster.nodes."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

DOCUMENTATION = """
name: nodes
short_description: The nodes of luna
description:
  - Reads nodes and groups from luna's controller, where it runs, or over ssh from elsewhere (see O(luna)).
  - Each group of luna is a group, below its parent. So are tags (C(tag_gpu)), racks (C(rack_r1)), switches
    (C(switch_sw01)), images (C(osimage_compute)) and boot states (C(state_up)).
  - Each node has C(ansible_host), the first address of BOOTIF, and what C(luna node list -o json) tells, as
    C(luna_state) and so on.
  - The file's name ends in C(luna.yml) or C(luna.yaml).
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: luna.cluster.nodes
    required: true
    choices: [luna.cluster.nodes]
  luna:
    description: The luna command, word by word. C([ssh, controller, luna]) asks from another machine.
    type: list
    elements: str
    default: [luna]
  nodes:
    description: A hostlist of luna, such as C(node[001-040]) or C(@compute&@tag:gpu).
    type: str
    default: "@all"
author: The luna developers
"""

EXAMPLES = """
plugin: luna.cluster.nodes
nodes: "@compute"
keyed_groups:
  - {key: luna_rack, prefix: row, separator: "_"}
"""

_GROUPED = {"tags": "tag", "rack": "rack", "switch": "switch", "image": "osimage", "state": "state"}


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # ansible has no types
    """Nodes as hosts."""

    NAME = "luna.cluster.nodes"

    def verify_file(self, path: str) -> bool:
        """Whether this may be the plugin's file."""
        return bool(super().verify_file(path)) and path.endswith(("luna.yml", "luna.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add every node with its groups; raises AnsibleParserError that says what luna said."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        cached, key = cache and self.get_option("cache"), self.get_cache_key(path)
        answer = self._cache.get(key) if cached else None
        if answer is None:
            answer = {
                "groups": self._ask("group", "list"),
                "nodes": self._ask("node", "list", self.get_option("nodes")),
            }
        if self.get_option("cache"):
            self._cache[key] = answer
        self._add_groups(answer["groups"])
        for node in answer["nodes"]:
            self._add_node(node)

    def _ask(self, *words: str) -> list[dict[str, Any]]:
        command = [*self.get_option("luna"), *words, "-o", "json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's words
        except OSError as error:
            raise AnsibleParserError(f"{command[0]} can't be run: {error.strerror}") from error
        if done.returncode:
            raise AnsibleParserError(done.stderr.strip())
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer

    def _add_groups(self, groups: list[dict[str, Any]]) -> None:
        for group in groups:
            self._group(group["name"])
        for group in groups:
            above = [group["parent"]] if group["parent"] else []
            for parent in (*above, *(f"tag_{tag}" for tag in group["tags"])):
                self.inventory.add_child(self._group(parent), self._group(group["name"]))

    def _group(self, name: str) -> str:
        return str(self.inventory.add_group(self._sanitize_group_name(name)))

    def _add_node(self, node: dict[str, Any]) -> None:
        name = node["name"]
        self.inventory.add_host(name, group=self._group(node["group"]))
        for field, value in node.items():
            if field != "name":
                self.inventory.set_variable(name, f"luna_{field}", value)
        for address in node["addresses"].get("BOOTIF", ())[:1]:
            self.inventory.set_variable(name, "ansible_host", address)
        for group in _groups(node):
            self.inventory.add_child(self._group(group), name)
        facts, strict = self.inventory.get_host(name).get_vars(), self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), facts, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), facts, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), facts, name, strict=strict)


def _groups(node: dict[str, Any]) -> Iterator[str]:
    for field, prefix in _GROUPED.items():
        values = node[field] if isinstance(node[field], list) else [node[field]]
        yield from (f"{prefix}_{value}" for value in values if value)
