"""What the modules share: `luna apply`, told by Ansible's conventions."""

import json
from typing import Any

import yaml

FORMAT = 1
ARGUMENTS: dict[str, dict[str, Any]] = {"luna": {"type": "str", "default": "luna"}}


def apply(module: Any, document: dict[str, Any], *options: str) -> None:
    """Give luna a document of objects by kind and name, and end the module with what that changed.

    The document goes through standard input, for it may hold passwords.
    """
    words = [module.params["luna"], "apply", "-f", "-", "-o", "json", *options]
    if module.check_mode:
        words.append("--dry-run")
    status, printed, said = module.run_command(words, data=json.dumps({"luna": FORMAT, **document}))
    if status:
        module.fail_json(msg=said.strip().removeprefix("luna: "), rc=status)
    changes = json.loads(printed)
    result: dict[str, Any] = {"changed": bool(changes), "changes": changes}
    if module._diff:
        result["diff"] = [_diff(one) for one in changes]
    module.exit_json(**result)


def _diff(change: dict[str, Any]) -> dict[str, str]:
    title = f"{change['kind']} {change['name']}"
    sides = {
        side: yaml.safe_dump({one["field"]: one[side] for one in change["fields"] if one[side] is not None})
        for side in ("before", "after")
    }
    return {"before_header": title, "after_header": title, **sides}
