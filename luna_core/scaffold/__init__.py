"""What `luna plugin new` writes: a project that can be installed and that passes its own tests as it is."""

import re
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from luna_core import __version__
from luna_core.errors import AlreadyExists, BadInput

TEMPLATES = Path(__file__).with_name("templates")
HOOK_KINDS = ("plugin", "transport", "discovery")
DRIVER_KINDS = ("distro", "bmc", "dhcp", "dns")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def create(name: str, kind: str, directory: Path | None = None) -> Path:
    """Write the project `luna-KIND-NAME` to `directory` (else to one of that name here), and return where it is.

    Raises BadInput for a name or kind that can't be, AlreadyExists for a directory that isn't empty.
    """
    if not NAME.fullmatch(name):
        raise BadInput(f"plugin name {name!r}: accepted are lower-case letters, digits and single hyphens.")
    if kind not in HOOK_KINDS + DRIVER_KINDS:
        raise BadInput(f"plugin kind {kind!r}: accepted are {', '.join(HOOK_KINDS + DRIVER_KINDS)}.")
    target = directory or Path(f"luna-{kind}-{name}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyExists(f"{target} exists; accepted is a directory that is empty or not there yet.")
    words = _words(name, kind)
    for folder in ("common", "network_service" if kind in ("dhcp", "dns") else kind):
        _render(TEMPLATES / folder, target, words)
    return target


def _words(name: str, kind: str) -> dict[str, str]:
    major, minor = __version__.split(".")[:2]
    return {
        "name": name,
        "kind": kind,
        "distribution": f"luna-{kind}-{name}",
        "package": f"luna_{kind}_{name.replace('-', '_')}",
        "class_name": "".join(word.capitalize() for word in name.split("-")),
        "luna_core": f"luna-core>={major}.{minor},<{int(major) + 1}",
        "is_driver": "yes" if kind in DRIVER_KINDS else "",
    }


def _render(folder: Path, target: Path, words: dict[str, str]) -> None:
    templates = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)  # noqa: S701
    for source in sorted(path for path in folder.rglob("*") if path.is_file()):
        relative = source.relative_to(folder).as_posix().replace("PACKAGE", words["package"])
        path = target / relative.removesuffix(".j2")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(templates.from_string(source.read_text()).render(words))
