#!/usr/bin/python
"""Ansible module luna.cluster.document."""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.luna.cluster.plugins.module_utils.apply import ARGUMENTS, apply

DOCUMENTATION = """
module: document
short_description: Many objects of luna at once
description:
  - Makes objects of luna as a document says, all of them or none. Runs on luna's controller.
options:
  document:
    description:
      - Objects by kind and name, as C(luna export) writes them.
      - Ansible takes a MAC of nothing but digits for a number, so write MACs in quotes.
    type: dict
    required: true
  mode:
    description:
      - C(merge) changes only the fields that are named; what is null is taken away.
      - C(exact) makes the named objects exactly so; other objects stay.
      - C(prune) makes the cluster exactly so; objects that are not named go.
    type: str
    choices: [merge, exact, prune]
    default: merge
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
- name: The cluster that is kept in git
  luna.cluster.document:
    document: "{{ lookup('file', 'cluster.yml') | from_yaml }}"
    mode: prune
"""

RETURN = """
changes:
  description: What became, or in check mode would become, different, by object and field. Secrets are masked.
  type: list
  elements: dict
  returned: success
"""

_OPTIONS = {"merge": ["--merge"], "exact": [], "prune": ["--prune"]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "document": {"type": "dict", "required": True},
            "mode": {"type": "str", "choices": list(_OPTIONS), "default": "merge"},
            **ARGUMENTS,
        },
        supports_check_mode=True,
    )
    apply(module, module.params["document"], *_OPTIONS[module.params["mode"]])


if __name__ == "__main__":
    main()
