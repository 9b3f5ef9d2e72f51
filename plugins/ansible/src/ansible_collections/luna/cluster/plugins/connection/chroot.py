"""Ansible connection luna.cluster.chroot."""

import subprocess
from pathlib import Path
from shlex import quote

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: chroot
short_description: Work inside an image of luna
description:
  - Runs tasks in the tree of an osimage, by C(lchroot), on luna's controller; C(luna osimage pack) makes a version.
  - Every task is a visit of its own, during which nobody else is in the tree.
  - Set C(ansible_remote_tmp) to a directory below C(/tmp), which no version of the image has.
options:
  remote_addr:
    description: The osimage.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
  lchroot:
    description: The lchroot command.
    type: str
    default: lchroot
    vars:
      - name: ansible_lchroot
author: The luna developers
"""


class Connection(ConnectionBase):  # type: ignore[misc]  # ansible has no types
    """A visit for each command."""

    transport = "luna.cluster.chroot"
    has_pipelining = True
    default_user = "root"

    def _connect(self) -> "Connection":
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = False) -> tuple[int, bytes, bytes]:
        """Run a command of the shell; gives its status and what it wrote."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run(cmd, in_data)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the tree."""
        super().put_file(in_path, out_path)
        self._copy(f"cat > {quote(out_path)}", Path(in_path).read_bytes())

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the tree."""
        super().fetch_file(in_path, out_path)
        Path(out_path).write_bytes(self._copy(f"cat {quote(in_path)}"))

    def close(self) -> None:
        """Nothing is left of a visit."""
        self._connected = False

    def _copy(self, command: str, data: bytes | None = None) -> bytes:
        status, printed, said = self._run(command, data)
        if status:
            raise AnsibleError(f"{command}: {said.decode(errors='replace').strip()}")
        return printed

    def _run(self, command: str, data: bytes | None) -> tuple[int, bytes, bytes]:
        words = [self.get_option("lchroot"), self.get_option("remote_addr"), "--", "/bin/sh", "-c", command]
        source = {"stdin": subprocess.DEVNULL} if data is None else {"input": to_bytes(data)}
        try:
            done = subprocess.run(words, capture_output=True, check=False, **source)  # noqa: S603 - the task's own
        except OSError as error:
            raise AnsibleConnectionFailure(f"{words[0]} can't be run: {error.strerror}") from error
        return done.returncode, done.stdout, done.stderr
