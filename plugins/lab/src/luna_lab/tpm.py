"""The TPM of a machine: swtpm(8), which QEMU's tpm-tis talks to."""

import shutil
import socket
import subprocess
from pathlib import Path

from luna_core.errors import LunaError
from luna_lab.namespace import Namespace


class Tpm:
    """A TPM 2.0. What is in it stays in `directory` when its machine is off."""

    def __init__(self, namespace: Namespace, directory: Path) -> None:
        self._namespace = namespace
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> list[str]:
        """Power it on; returns the arguments by which QEMU has it. Raises LunaError if there is no swtpm."""
        if not shutil.which("swtpm"):
            raise LunaError("There is no swtpm, which would be the machine's TPM: install the package swtpm.")
        self.stop()
        self._directory.mkdir(exist_ok=True)
        path = self._directory / "control"
        path.unlink(missing_ok=True)
        # Made here, so that QEMU can connect to it from now on.
        with socket.socket(socket.AF_UNIX) as control, (self._directory / "log").open("ab") as log:
            control.bind(str(path))
            control.listen()
            words = ["--tpm2", "--tpmstate", f"dir={self._directory}", "--ctrl", f"type=unixio,fd={control.fileno()}"]
            self._process = self._namespace.spawn(
                "swtpm", "socket", *words, stdout=log.fileno(), pass_fds=[control.fileno()]
            )
        return [
            *("-chardev", f"socket,id=tpm,path={path}", "-tpmdev", "emulator,id=tpm0,chardev=tpm"),
            *("-device", "tpm-tis,tpmdev=tpm0"),
        ]

    def stop(self) -> None:
        """Power it off, which is for when its machine is off."""
        if self._process:
            self._process.terminate()
            self._process.wait()
