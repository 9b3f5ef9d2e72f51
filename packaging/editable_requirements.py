"""Prints the requirements file that installs every distribution of this repository for development.

The paths are relative to the repository's root, where the file has to be used from: a single `pip install` can't
otherwise make several local distributions editable that require each other.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def local_distributions(root: Path) -> list[Path]:
    """The folders below `root` that hold a distribution of their own, relative to it."""
    found = [path.parent for pattern in ("plugins", "examples") for path in root.glob(f"{pattern}/*/pyproject.toml")]
    return sorted(path.relative_to(root) for path in found)


def requirement(root: Path, folder: Path) -> str:
    """The line that installs `folder`, with its test tools if it names any."""
    project = tomllib.loads((root / folder / "pyproject.toml").read_text()).get("project", {})
    extra = "[test]" if "test" in project.get("optional-dependencies", {}) else ""
    return f"-e ./{folder.as_posix()}{extra}"


def main() -> None:
    """Print the file."""
    print("-e .[test]")
    for folder in local_distributions(ROOT):
        print(requirement(ROOT, folder))


if __name__ == "__main__":
    main()
