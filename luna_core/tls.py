"""The cluster's own certificate authority, and the boot server's certificate that it signs (RFC 5280).

Authority and its key are root's, in the state directory; the server's are in the directory of luna's key, whose owner
the boot server runs as.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from luna_core.errors import LunaError
from luna_core.settings import MachineSettings
from luna_core.types import IPAddress

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY_DAYS = 7300
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Where they are, in PEM. Nodes get `authority` alone."""

    authority: Path
    authority_key: Path
    server: Path
    server_key: Path


def certificates(settings: MachineSettings) -> Certificates:
    """The places on this machine, whether there is something or not."""
    root, private = settings.state_directory / "tls", settings.key_file.parent
    return Certificates(
        authority=root / "ca.pem",
        authority_key=root / "ca.key",
        server=private / "lweb.pem",
        server_key=private / "lweb.key",
    )


def certify(where: Certificates, addresses: Iterable[IPAddress], names: Iterable[str], days: int) -> None:
    """Make a certificate for the boot server at these addresses and names, and the authority if there is none.

    Raises LunaError if files can't be read or written.
    """
    try:
        if not where.authority.exists():
            _make_authority(where)
        _make_server(where, addresses, names, days)
    except (OSError, ValueError) as error:
        raise LunaError(f"The certificates can't be made: {error}.") from error


def described(where: Certificates) -> dict[str, object]:
    """The boot server's certificate in words. Raises LunaError if there is none, or it can't be read."""
    from cryptography import x509

    certificate = _server_certificate(where)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        "certificate": str(where.server),
        "authority": str(where.authority),
        "names": [str(one.value) for one in names],
        "valid_until": certificate.not_valid_after_utc.isoformat(),
    }


def doubt(where: Certificates, spare: timedelta = timedelta(0)) -> str:
    """Why nodes don't take the boot server's certificate, or won't after `spare`, in a sentence; empty if they do."""
    try:
        certificate = _server_certificate(where)
    except LunaError as error:
        return str(error)
    begin, end, now = certificate.not_valid_before_utc, certificate.not_valid_after_utc, datetime.now(UTC)
    if begin <= now and now + spare <= end:
        return ""
    return (
        f"The boot server's certificate is valid from {begin.isoformat()} to {end.isoformat()}, and nodes go by the "
        "clock of this machine. Is that right? 'luna tls init' makes another one, for which lweb is to be restarted."
    )


def _server_certificate(where: Certificates) -> "x509.Certificate":
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(where.server.read_bytes())
    except PermissionError as error:
        who = f"the user with ID {os.geteuid()}"
        raise LunaError(
            f"The boot server's certificate {where.server} can't be read by {who}: {error.strerror}."
        ) from error
    except (OSError, ValueError) as error:
        raise LunaError(f"There is no certificate of the boot server: {error}. 'luna tls init' makes one.") from error


def _make_authority(where: Certificates) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "luna certificate authority")])
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    where.authority.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _write(where.authority_key, _pem_of_key(key), 0o600)
    _write(where.authority, _pem(certificate), 0o644)


def _make_server(where: Certificates, addresses: Iterable[IPAddress], names: Iterable[str], days: int) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    authority = x509.load_pem_x509_certificate(where.authority.read_bytes())
    authority_key = load_pem_private_key(where.authority_key.read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise LunaError(f"{where.authority_key} is no key that luna made; move it away with {where.authority}.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "luna boot server")])
    alternatives: list[x509.GeneralName] = [x509.IPAddress(one) for one in addresses]
    alternatives += [x509.DNSName(one) for one in names]
    builder = _builder(name, authority.subject, key, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = builder.add_extension(issuer, critical=False).sign(authority_key, hashes.SHA256())
    _write(where.server_key, _pem_of_key(key), 0o600)
    _write(where.server, _pem(certificate), 0o644)


def _builder(
    subject: "x509.Name", issuer: "x509.Name", key: "ec.EllipticCurvePrivateKey", days: int
) -> "x509.CertificateBuilder":
    from cryptography import x509

    # An hour ago, for nodes set their clocks by that of the controller and may be a minute behind.
    begin = datetime.now(UTC) - _HOUR
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _pem_of_key(key: "ec.EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """In one step, and for the owner of the directory, as the service user is of the store's."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
