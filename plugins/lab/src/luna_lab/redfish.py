"""Redfish for all of a lab's BMCs: sushy-tools' emulator, by HTTPS with a basic login (DMTF DSP0266)."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import IPv4Address
from pathlib import Path

from luna_core.run import run
from luna_lab.bmc import USER, write_private

PORT = 443
CERTIFICATE, KEY, USERS = "certificate.pem", "key.pem", "users"
_SCRIPT = Path(__file__).parent / "scripts" / "redfish_bmcs.py"


def is_installed() -> bool:
    """Whether the emulator is, which comes with the extra `redfish` of luna-lab."""
    return find_spec("sushy_tools") is not None


def write(directory: Path, nodes: Mapping[IPv4Address, str], password: str, chassis: Path) -> list[str | Path]:
    """Write users, key and certificate into a new directory, and return the command that runs the services.

    `nodes` are the machines by their BMCs' addresses; `chassis` is the socket that switches them.
    """
    import bcrypt

    directory.mkdir(mode=0o711)
    # The password is a random one, and every request has its hash reckoned: the cheapest will do.
    digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    write_private(directory / USERS, f"{USER}:{digest}\n")
    names = ",".join(f"IP:{address}" for address in nodes)
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "3650", "-subj", "/CN=BMCs of a luna lab", "-addext", f"subjectAltName={names}"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-keyout", directory / KEY, "-out", directory / CERTIFICATE),
        ]
    )
    pairs = [f"{address}={name}" for address, name in nodes.items()]
    return [sys.executable, "-I", _SCRIPT, chassis, directory, *pairs]
