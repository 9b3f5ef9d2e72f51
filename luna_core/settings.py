"""The settings of the machine (luna.toml and the environment) and, typed, those of the cluster (in the store)."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.types import Setting, SettingValue

DEFAULT_CONFIG = Path("/etc/luna/luna.toml")
_VARIABLES = (
    *("LUNA_CONFIG", "LUNA_STATE_DIRECTORY", "LUNA_STORE", "LUNA_KEY_FILE", "LUNA_PLUGIN_DIRECTORY"),
    *("LUNA_DISABLE_PLUGINS", "LUNA_NO_PLUGINS", "LUNA_DEBUG"),
)


@dataclass(frozen=True, kw_only=True)
class MachineSettings:
    """What must be known before the store is open. The environment wins over luna.toml.

    | field             | luna.toml           | environment                 |
    |-------------------|---------------------|-----------------------------|
    | store             | store               | LUNA_STORE                  |
    | key_file          | key_file            | LUNA_KEY_FILE               |
    | state_directory   | state_directory     | LUNA_STATE_DIRECTORY        |
    | plugin_directory  | plugins.directory   | LUNA_PLUGIN_DIRECTORY       |
    | disabled_plugins  | plugins.disabled    | LUNA_DISABLE_PLUGINS (a,b)  |
    | no_plugins        | plugins.none        | LUNA_NO_PLUGINS=1           |
    | debug             |                     | LUNA_DEBUG=1                |

    With `debug` the exception of a plugin is raised as it is, for whoever develops the plugin.
    """

    state_directory: Path = Path("/var/lib/luna")
    store: str = "sqlite:///var/lib/luna/luna.db"
    key_file: Path = Path("/var/lib/luna/luna.key")
    plugin_directory: Path = Path("/etc/luna/plugins")
    disabled_plugins: frozenset[str] = frozenset()
    no_plugins: bool = False
    debug: bool = False

    @property
    def images_directory(self) -> Path:
        """The versions of all images, each in a directory that is called by its manifest's SHA-256."""
        return self.state_directory / "images"

    @property
    def public_directory(self) -> Path:
        """What the file server offers to every node: `images/<SHA-256>/`, and what else plugins put there."""
        return self.state_directory / "public"

    @property
    def services_directory(self) -> Path:
        """Where plugins' services may write: beside the key, whose owner they run as (docs/decisions/0012)."""
        return self.key_file.parent

    @property
    def boots_wait_file(self) -> Path:
        """Touched every other second at least while nodes wait for their kernel: transports leave them the link."""
        return self.services_directory / "boots-wait"


CORE_SETTINGS = (
    Setting(name="dhcp.server", default="dnsmasq", help="Driver that renders the DHCP configuration, or none."),
    Setting(name="dns.server", default="bind", help="Driver that renders the DNS configuration, or none."),
    Setting(name="node.prefix", default="node", help="What automatic node names begin with."),
    Setting(
        name="node.digits", default=3, least=1, most=12, help="How many digits automatic node names have at least."
    ),
    Setting(name="http.port", default=7050, least=1, most=65535, help="TCP port of the boot server on the controller."),
    Setting(
        name="https.port",
        default=0,
        least=0,
        most=65535,
        help="TCP port on which booting nodes reach it by HTTPS ('luna tls init' first); 0: they use HTTP.",
    ),
    Setting(
        name="dhcp.interfaces",
        default=(),
        help="Interfaces that DHCP listens on, as in eth0 or cluster=eth0; none: all.",
    ),
    Setting(name="dhcp.lease_seconds", default=3600, least=1, help="How long a lease lasts."),
    Setting(name="dhcp.shared_networks", default=(), help="Networks on one wire, as in cluster+storage."),
    Setting(name="dns.port", default=53, least=1, most=65535, help="Port of the DNS server on the controller."),
    Setting(name="tftp.directory", default="/var/lib/luna/tftp", help="Directory that TFTP serves boot files from."),
    Setting(
        name="image.authorized_keys",
        default="/root/.ssh/authorized_keys",
        help="File with the ssh keys that may log in to nodes as root, and to their rescue system while they boot.",
    ),
    Setting(name="image.root_password", default="locked", help="`locked`, or a file that holds root's crypt(5) hash."),
    Setting(
        name="image.initramfs_level",
        default=19,
        least=1,
        most=19,
        help="How small an initramfs is made, which every node fetches alone: 19: xz; from 1 on: zstd of that level.",
    ),
    Setting(name="image.keep_versions", default=5, least=0, help="How many versions of an image retention leaves."),
    Setting(
        name="boot.up_port",
        default=22,
        least=0,
        most=65535,
        help="TCP port on which a booted node answers; 0: don't look.",
    ),
    Setting(
        name="boot.attempts",
        default=12,
        least=0,
        help="After how many failed installations in a row a node boots anew, from its firmware on; 0: never.",
    ),
    Setting(
        name="boot.script_timeout_s",
        default=3600,
        least=0,
        help="After how many seconds a script of an installation is ended and has failed; 0: never.",
    ),
    Setting(
        name="boot.wave",
        default=16,
        least=0,
        help="How many nodes load kernel and initramfs from the controller at once, while others wait; 0: all.",
    ),
    Setting(
        name="boot.relays",
        default=False,
        help="Whether nodes in the installer hand kernel and initramfs on to nodes that wait, which trusts them.",
    ),
    Setting(name="boot.menu_naming", default=True, help="Whether the boot menu may name machines after free nodes."),
    Setting(
        name="discovery.rank",
        default=("mac", "switchport", "smbios", "menu", "group"),
        help="Plugins that may name a machine, the one that counts most first; any others come last.",
    ),
    Setting(
        name="discovery.max_age_seconds",
        default=900,
        least=0,
        help="A machine that was last seen somewhere longer ago is not named by that.",
    ),
    Setting(
        name="discovery.min_confidence",
        default=0.5,
        least=0,
        most=1,
        help="A machine is not named by what its finder is less sure of, from 0 (a guess) to 1 (certain).",
    ),
    Setting(
        name="discovery.growing_groups",
        default=(),
        help="Groups that get a new node when a machine is to become their next free one and there is none.",
    ),
    Setting(name="boot.bios_file", default="undionly.kpxe", help="Boot file for BIOS, on TFTP."),
    Setting(name="boot.uefi_file", default="snponly.efi", help="Boot file for UEFI on x86-64, on TFTP and HTTP."),
    Setting(name="boot.arm64_file", default="ipxe-arm64.efi", help="Boot file for UEFI on arm64, on TFTP and HTTP."),
    Setting(name="power.parallel", default=64, least=1, help="How many BMCs of one driver are asked at once."),
    Setting(
        name="power.stagger_s",
        default=0.0,
        least=0,
        most=3600,
        help="Seconds between two machines that are switched on.",
    ),
    Setting(name="power.timeout_s", default=5.0, least=0.1, most=3600, help="Seconds that a BMC may take to answer."),
)


def machine_settings(environ: Mapping[str, str] = os.environ) -> MachineSettings:
    """Read the machine's settings; LUNA_CONFIG names another file than /etc/luna/luna.toml.

    Raises BadInput for a file that can't be parsed, an unknown key, or a value of the wrong type.
    """
    given = tuple((name, environ[name]) for name in _VARIABLES if name in environ)
    # A path is made only where one is given: plugins ask for the settings several times a boot.
    path = Path(environ["LUNA_CONFIG"]) if "LUNA_CONFIG" in environ else DEFAULT_CONFIG
    return _machine_settings(given, path, _state_of(path), os.getcwd())


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=16)
def _machine_settings(given: tuple[tuple[str, str], ...], path: Path, *_: object) -> MachineSettings:
    """Worked out once for the same environment, file and working directory: plugins ask for it several times a boot."""
    environ = dict(given)
    values = _flatten(path, _read(path, required="LUNA_CONFIG" in environ))
    state = Path(environ.get("LUNA_STATE_DIRECTORY") or _text(path, values, "state_directory", "/var/lib/luna"))
    disabled = _words(path, values, "plugins.disabled") | set(environ.get("LUNA_DISABLE_PLUGINS", "").split(","))
    return MachineSettings(
        state_directory=state,
        store=environ.get("LUNA_STORE") or _text(path, values, "store", f"sqlite://{state.absolute() / 'luna.db'}"),
        key_file=Path(environ.get("LUNA_KEY_FILE") or _text(path, values, "key_file", str(state / "luna.key"))),
        plugin_directory=Path(
            environ.get("LUNA_PLUGIN_DIRECTORY") or _text(path, values, "plugins.directory", "/etc/luna/plugins")
        ),
        disabled_plugins=frozenset(disabled - {""}),
        no_plugins=environ.get("LUNA_NO_PLUGINS", "") not in ("", "0") or values.get("plugins.none") is True,
        debug=environ.get("LUNA_DEBUG", "") not in ("", "0"),
    )


def parse_setting(setting: Setting, given: object) -> SettingValue:
    """The value of `setting` from what an administrator wrote; raises BadInput that says what is accepted."""
    value: object = given
    kind = type(setting.default)
    if isinstance(given, str) and kind is not str:
        value = _from_text(kind, given)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _from_text(float, str(value))
    if isinstance(value, list):
        value = tuple(value)
    if type(value) is not kind or not _is_plain(value):
        accepted = {int: "a whole number", float: "a number", bool: "yes or no", tuple: "words separated by commas"}
        raise BadInput(f"setting {setting.name}: {given!r} was given; accepted is {accepted.get(kind, 'a text')}.")
    if isinstance(value, int | float) and not setting.least <= value <= setting.most:
        accepted_range = f"from {setting.least:.10g} to {setting.most:.10g}"
        raise BadInput(f"setting {setting.name}: {given!r} was given; accepted is {accepted_range}.")
    if setting.choices and value not in setting.choices:
        raise BadInput(f"setting {setting.name}: {given!r} was given; accepted are {', '.join(setting.choices)}.")
    return value


def resolve(declared: Iterable[Setting], stored: Mapping[str, object]) -> dict[str, SettingValue]:
    """Every declared setting with its stored value, else its default; so does one that no longer fits."""
    resolved: dict[str, SettingValue] = {}
    for setting in declared:
        try:
            resolved[setting.name] = parse_setting(setting, stored.get(setting.name, setting.default))
        except BadInput:
            resolved[setting.name] = setting.default
    return resolved


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(word, str) for word in value)
    return not isinstance(value, float) or math.isfinite(value)


def _from_text(kind: type, text: str) -> object:
    if kind is bool:
        return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(text.lower())
    if kind is tuple:
        return tuple(word.strip() for word in text.split(",") if word.strip())
    try:
        return kind(text)
    except ValueError:
        return None


def _read(path: Path, *, required: bool) -> dict[str, object]:
    import tomllib

    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if required:
            raise BadInput(f"{path}, named by LUNA_CONFIG, does not exist.") from None
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} can't be read: {error}") from error


def _flatten(path: Path, document: dict[str, object]) -> dict[str, object]:
    known = ("store", "key_file", "state_directory", "plugins.directory", "plugins.disabled", "plugins.none")
    values: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            values |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            values[key] = value
    if unknown := sorted(set(values) - set(known)):
        raise BadInput(f"{path}: unknown key {unknown[0]!r}; known are {', '.join(known)}.")
    return values


def _text(path: Path, values: Mapping[str, object], key: str, default: str) -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise BadInput(f"{path}: {key} is {value!r}; accepted is a text in quotes.")
    return value


def _words(path: Path, values: Mapping[str, object], key: str) -> set[str]:
    value = values.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise BadInput(f"{path}: {key} is {value!r}; accepted is a list of texts.")
    return set(value)
