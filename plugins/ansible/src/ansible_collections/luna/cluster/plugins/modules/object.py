#!/usr/bin/python
"""Ansible module luna.cluster.object."""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.luna.cluster.plugins.module_utils.apply import ARGUMENTS, apply

DOCUMENTATION = """
module: object
short_description: A node, group, network or other object of luna
description:
  - Makes an object of luna have certain fields, or not exist. Runs on luna's controller.
  - Fields that are not named stay as they are.
options:
  kind:
    description: What it is.
    type: str
    required: true
    choices: [cluster, network, osimage, group, node, switch, bmcsetup, otherdev, setting]
  name:
    description: Its name.
    type: str
    required: true
  fields:
    description:
      - Fields by name, as C(luna export) writes them. A field that is null is taken back, so that it has its default.
    type: dict
    default: {}
  secrets:
    description: Further fields, such as the password of a bmcsetup, that are in no log.
    type: dict
    default: {}
  state:
    description: Whether it is to exist.
    type: str
    choices: [present, absent]
    default: present
  luna:
    description: The luna command.
    type: str
    default: luna
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
author: The luna developers
"""

EXAMPLES = """
- name: A group of nodes with GPUs
  luna.cluster.object:
    kind: group
    name: gpu
    fields: {parent: compute, kernel_arguments: iommu=pt}

- name: A node in it
  luna.cluster.object:
    kind: node
    name: node007
    fields: {group: gpu, interfaces: {BOOTIF: {mac: "52:54:00:00:00:07"}}}

- name: How BMCs are set up
  luna.cluster.object:
    kind: bmcsetup
    name: default
    fields: {user: admin}
    secrets: {password: "{{ bmc_password }}"}
"""

RETURN = """
changes:
  description: What became, or in check mode would become, different, by object and field. Secrets are masked.
  type: list
  elements: dict
  returned: success
"""

_KINDS = ["cluster", "network", "osimage", "group", "node", "switch", "bmcsetup", "otherdev", "setting"]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "kind": {"type": "str", "required": True, "choices": _KINDS},
            "name": {"type": "str", "required": True},
            "fields": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **ARGUMENTS,
        },
        supports_check_mode=True,
    )
    given = module.params
    fields = {**given["fields"], **given["secrets"]} if given["state"] == "present" else None
    apply(module, {given["kind"]: {given["name"]: fields}}, "--merge")


if __name__ == "__main__":
    main()
