"""What a tree of any distribution says of itself."""

from collections.abc import Mapping
from pathlib import Path


def os_release(root: Path) -> Mapping[str, str]:
    """The values of os-release(5) in a tree; none if it has no such file."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        path = root / name
        # /etc/os-release is usually a symbolic link, which may lead out of the tree if it is an absolute one.
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            return parse_os_release(path.read_text())
    return {}


def parse_os_release(text: str) -> Mapping[str, str]:
    """The values in the text of an os-release(5) file."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, _, value in pairs}
