"""The job file: what the install script tells the client. docs/explanation/transports.md shows one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from luna_core.node.errors import DownloadError


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One way to fetch the image, as `luna_core.types.Endpoint`, which a node doesn't carry."""

    transport: str
    url: str
    rank: int = 50
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to fetch for whom. The node is number `index` of the `count` nodes that fetch the same version.

    `report_command`, given a phase and `started` or `done`, tells the boot server; it's left out where none is given.
    `private_url` gives the version's private files to this node's session. With `layers`, a directory, the root is an
    overlay that is made in there.
    `work_directory` keeps what was received, so that a restart resumes; in RAM, its size bounds what is kept there.
    `cache` is where a file system that outlives the boot is mounted if it could be: it holds the work directory then.
    """

    node: str
    report_url: str
    token_file: Path
    manifest_sha256: str
    root: Path
    work_directory: Path
    endpoints: tuple[Endpoint, ...]
    report_command: tuple[str, ...] = ()
    private_url: str = ""
    layers: Path | None = None
    cache: Path | None = None
    index: int = 0
    count: int = 1

    @property
    def token(self) -> str:
        """The boot session's token. Raises DownloadError if its file can't be read."""
        try:
            return self.token_file.read_text().strip()
        except OSError as error:
            raise DownloadError(f"The boot session's token can't be read: {error}.") from error

    @property
    def directory(self) -> Path:
        """Where this version's shards are kept."""
        return self.work_directory / self.manifest_sha256


def read_job(path: Path) -> Job:
    """Read a job file, its endpoints sorted by rank. Raises DownloadError if it can't be understood."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        document["endpoints"] = tuple(
            sorted((Endpoint(**one) for one in document["endpoints"]), key=lambda endpoint: endpoint.rank)
        )
        document["report_command"] = tuple(document.get("report_command", ()))
        for name in ("token_file", "root", "work_directory"):
            document[name] = Path(document[name])
        for name in ("layers", "cache"):
            if document.get(name):
                document[name] = Path(document[name])
        return Job(**{one.name: document[one.name] for one in fields(Job) if one.name in document})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"The job file {path} can't be understood: {error!r}.") from error


def derived_key(token: str, purpose: str) -> str:
    """A key in hex that proves that its holder knows the token, for places such as URLs where the token must not be."""
    return hashlib.sha256(f"luna {purpose} {token}".encode()).hexdigest()[:40]
