"""What the console's process must know of its BMC, password included, through a file that only its owner can read."""

import json
import os
import tempfile
from ipaddress import ip_address
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.types import BmcTarget

_FIELDS = ("node", "username", "password", "port", "timeout_s")


def hand_over(bmc: BmcTarget) -> Path:
    """Write `bmc` to a new file of mode 0600, in the user's runtime directory if there is one."""
    document = {name: getattr(bmc, name) for name in _FIELDS}
    document |= {"address": str(bmc.address), "options": dict(bmc.options)}
    descriptor, name = tempfile.mkstemp(prefix="luna-console-", dir=os.environ.get("XDG_RUNTIME_DIR"))
    with open(descriptor, "w") as file:
        json.dump(document, file)
    return Path(name)


def take_over(path: Path) -> BmcTarget:
    """Read what `hand_over` wrote and remove the file. Raises LunaError when that has been done already."""
    try:
        document = json.loads(path.read_text())
        path.unlink()
    except OSError as error:
        raise LunaError(f"{path}: {error.strerror}; 'luna power console NODE' makes such a file, for once.") from error
    return BmcTarget(**{**document, "address": ip_address(document["address"])})
