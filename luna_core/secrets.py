"""Encryption of secrets at rest, with a key that only luna's own user can read."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from luna_core.errors import LunaError
from luna_core.model.fields import ENCRYPTED

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

OTHERS = 0o077


class Keyring:
    """Encrypts and decrypts with the key in `key_file`, which the first secret creates (Fernet: AES-128-CBC, HMAC)."""

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file

    def encrypt(self, secret: str) -> str:
        """`secret` as it is stored; what is already encrypted stays as it is."""
        if secret.startswith(ENCRYPTED):
            return secret
        return ENCRYPTED + self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """The plain text of a stored secret; raises LunaError if the key is another one."""
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
            self._create()
            if self.key_file.stat().st_mode & OTHERS:
                raise LunaError(f"{self.key_file} can be read by others; 'chmod 600 {self.key_file}' and try again.")
            return Fernet(self.key_file.read_bytes().strip())
        except OSError as error:
            raise LunaError(f"The key file {self.key_file} can't be used: {error.strerror}.") from error
        except ValueError as error:
            raise LunaError(f"{self.key_file} does not hold a key that luna wrote.") from error

    def _create(self) -> None:
        """Another process may create it at the same time: link() decides who was first, and a crash leaves no half."""
        if self.key_file.exists():
            return
        from cryptography.fernet import Fernet

        draft = self.key_file.with_name(f"{self.key_file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, self.key_file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
