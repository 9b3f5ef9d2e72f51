"""Whether it is the right BMC: TLS, and what its certificate has to show."""

import hashlib
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from threading import Lock

from luna_bmc_redfish.options import Options
from luna_bmc_redfish.sentences import problem
from luna_core.errors import LunaError
from luna_core.types import BmcTarget

_READING = Lock()


def context_for(bmc: BmcTarget, options: Options) -> ssl.SSLContext:
    """What OpenSSL is to look at. Raises LunaError if the authorities' certificates can't be read."""
    if options.insecure or options.fingerprints:
        return _unchecked()
    try:
        changed_ns = options.ca.stat().st_mtime_ns if options.ca else 0
        with _READING:
            return _verifying(options.ca, changed_ns)
    except OSError as error:
        raise LunaError(f"The bmcsetup of node {bmc.node}: options.ca: {options.ca} can't be read: {error}.") from error


def secured(bmc: BmcTarget, options: Options, context: ssl.SSLContext, plain: socket.socket) -> ssl.SSLSocket:
    """TLS on a connected socket, within its timeout.

    Raises SSLCertVerificationError if no authority vouches for the certificate, LunaError for what else is wrong.
    """
    try:
        secure = context.wrap_socket(plain, server_hostname=options.certificate_name)
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        raise problem(bmc, f"speaks no TLS on port {options.port} that luna does: {error.reason or error}") from error
    # This is before anything was sent, so that an impostor learns nothing.
    if options.fingerprints and (shown := _fingerprint(secure)) not in options.fingerprints:
        secure.close()
        raise problem(bmc, f"has another certificate than options.fingerprint says: its SHA-256 is {shown}")
    return secure


def untrusted(bmc: BmcTarget, why: str, plain: socket.socket) -> LunaError:
    """The error for a certificate that nobody vouches for, with its fingerprint, for which `plain` is asked."""
    try:
        with _unchecked().wrap_socket(plain) as secure:
            shown = _fingerprint(secure)
    except OSError as error:
        shown = f"unknown ({error})"
    remedy = f"its SHA-256 is {shown}; options.ca or options.fingerprint of the bmcsetup can say that it is right"
    return problem(bmc, f"has a certificate that isn't trusted, and wasn't told the password: {why}; {remedy}")


def _fingerprint(secure: ssl.SSLSocket) -> str:
    return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()


@lru_cache(maxsize=8)
def _verifying(ca: Path | None, changed_ns: int) -> ssl.SSLContext:
    """Reading a system's authorities takes 0.1 s, which hundreds of BMCs share; `changed_ns` makes it a new one."""
    return ssl.create_default_context(cafile=ca)


def _unchecked() -> ssl.SSLContext:
    # The connection is encrypted all the same; who is at its other end is for the caller to find out.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
