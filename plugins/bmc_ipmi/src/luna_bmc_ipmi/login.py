"""How to log in to a BMC: what a bmcsetup's options say, checked before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from luna_core.errors import BadInput
from luna_core.types import BmcTarget

# IPMI 2.0, table 22-19 (privilege levels), 22.29 and 22.30 (lengths of names and passwords), 13.6.2 (Kg).
PRIVILEGES = {"user": 2, "operator": 3, "administrator": 4}
CIPHER_SUITES = {"auto": (17, 3), "17": (17,), "3": (3,)}
MAX_USER_BYTES = 16
MAX_PASSWORD_BYTES = 20
KG_BYTES = 20
STANDARD_PORT = 623
# luna itself heeds the first two.
OPTIONS = ("port", "firmware", "cipher_suite", "kg", "privilege")


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a session needs. `cipher_suites` are tried in this order."""

    address: str
    port: int
    user: bytes
    password: bytes = field(repr=False)
    kg: bytes | None = field(repr=False)
    privilege: str
    cipher_suites: tuple[int, ...]


def login_for(bmc: BmcTarget) -> Login:
    """The login that `bmc` and its options ask for; raises BadInput for what IPMI 2.0 or luna doesn't know."""
    for name in bmc.options:
        if name not in OPTIONS:
            raise BadInput(f"BMC of {bmc.node}: unknown option {name!r}; the ipmi driver has {', '.join(OPTIONS)}.")
    return Login(
        address=str(bmc.address),
        port=bmc.port or STANDARD_PORT,
        user=_fitting(bmc, "user name", bmc.username, MAX_USER_BYTES),
        password=_fitting(bmc, "password", bmc.password, MAX_PASSWORD_BYTES),
        kg=_kg(bmc),
        privilege=_choice(bmc, "privilege", PRIVILEGES, "administrator"),
        cipher_suites=CIPHER_SUITES[_choice(bmc, "cipher_suite", CIPHER_SUITES, "auto")],
    )


def _choice(bmc: BmcTarget, option: str, accepted: Mapping[str, object], default: str) -> str:
    given = bmc.options.get(option, default)
    if given not in accepted:
        raise BadInput(f"BMC of {bmc.node}: option {option} is {given!r}; accepted are {', '.join(accepted)}.")
    return given


def _fitting(bmc: BmcTarget, field_name: str, text: str, limit_bytes: int) -> bytes:
    encoded = text.encode()
    if len(encoded) > limit_bytes:
        raise BadInput(
            f"BMC of {bmc.node}: the {field_name} has {len(encoded)} bytes; IPMI 2.0 accepts up to {limit_bytes}."
        )
    return encoded


def _kg(bmc: BmcTarget) -> bytes | None:
    given = bmc.options.get("kg")
    if given is None:
        return None
    try:
        key = bytes.fromhex(given[2:]) if given.startswith("0x") else given.encode()
    except ValueError:
        key = b""
    if not 0 < len(key) <= KG_BYTES:
        raise BadInput(
            f"BMC of {bmc.node}: option kg can't be used; accepted are 1 to {KG_BYTES} bytes, as text or as 0x and hex."
        )
    return key
