"""Encryption of secrets at rest, with a key that only luna's own user can read."""

import contextlib
import hmac
import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from luna_core.errors import MASK, BadInput, LunaError
from luna_core.model.fields import ENCRYPTED

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

OTHERS = 0o077


class Keyring:
    """Encrypts and decrypts with the key in `key_file`, which the first secret creates (Fernet: AES-128-CBC, HMAC)."""

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file

    def encrypt(self, secret: str) -> str:
        """`secret` as it is stored; what is already encrypted stays as it is. Raises BadInput if it isn't UTF-8."""
        if secret.startswith(ENCRYPTED):
            return secret
        try:
            plain = secret.encode()
        except UnicodeEncodeError:
            raise BadInput(f"{MASK} was given; accepted is a secret in UTF-8.") from None
        self._create()
        return ENCRYPTED + self._fernet.encrypt(plain).decode()

    def derive(self, purpose: str) -> bytes:
        """32 bytes that only the key's holder can know, the same at any time; the first purpose creates the key."""
        self._create()
        return hmac.digest(self._key(), purpose.encode(), "sha256")

    def owner(self) -> tuple[int, int] | None:
        """User and group of luna's service, to whom the key belongs, where root works for them."""
        found = self.key_file.stat()
        return (found.st_uid, found.st_gid) if os.geteuid() == 0 else None

    def decrypt(self, stored: str) -> str:
        """The plain text of a stored secret; raises LunaError if there is no key, or another one."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(stored.removeprefix(ENCRYPTED).encode()).decode()
        except InvalidToken:
            raise LunaError(
                f"A stored secret was not encrypted with the key in {self.key_file}. "
                "Copy the key file from the controller that wrote it, or give the secret again."
            ) from None

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet

        try:
            return Fernet(self._key())
        except ValueError as error:
            raise LunaError(f"{self.key_file} does not hold a key that luna wrote.") from error

    def _key(self) -> bytes:
        try:
            if self.key_file.stat().st_mode & OTHERS:
                raise LunaError(f"{self.key_file} can be read by others; 'chmod 600 {self.key_file}' and try again.")
            return self.key_file.read_bytes().strip()
        except OSError as error:
            raise _unusable(self.key_file, error) from error

    def _create(self) -> None:
        """Another process may create it at the same time: link() decides who was first, and a crash leaves no half."""
        if self.key_file.exists():
            return
        from cryptography.fernet import Fernet

        try:
            descriptor, draft = tempfile.mkstemp(prefix=f".{self.key_file.name}.", dir=self.key_file.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    _give_to_owner_of(self.key_file.parent, descriptor)
                    file.write(Fernet.generate_key())
                    file.flush()
                    os.fsync(descriptor)
                with contextlib.suppress(FileExistsError):
                    os.link(draft, self.key_file)
            finally:
                os.unlink(draft)
        except OSError as error:
            raise _unusable(self.key_file, error) from error


def _give_to_owner_of(directory: Path, descriptor: int) -> None:
    """What root makes, the service user must be able to read; it owns the directory."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _unusable(path: Path, error: OSError) -> LunaError:
    if isinstance(error, FileNotFoundError) and path.parent.is_dir():
        return LunaError(f"The key of the stored secrets, {path}, is missing: copy it from the controller that has it.")
    return LunaError(f"The key file {path} can't be used: {error.strerror}.")
