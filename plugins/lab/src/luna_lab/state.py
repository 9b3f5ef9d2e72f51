"""What is known of the labs on this machine, so that another process can find, enter and remove them."""

import fcntl
import json
import os
import re
import select
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from luna_core.errors import BadInput, NotFound
from luna_lab.namespace import Namespace
from luna_lab.tree import CACHE

# Beside the prepared controllers, whose images a lab hard-links; /run is another file system.
DIRECTORY = CACHE / "labs"
_FILE = "state.json"
BMC_DRIVER = "bmc_driver"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, kw_only=True)
class LabState:
    """A lab: the process that holds it (`pid`, and when that started, in clock ticks) and its nodes' addresses."""

    name: str
    pid: int
    pid_started: int
    nodes: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return DIRECTORY / self.name

    @property
    def namespace(self) -> Namespace:
        """Its network."""
        return Namespace(f"luna-lab-{self.name}")

    @property
    def held(self) -> bool:
        """Whether the process that made it still runs."""
        return process_started(self.pid) == self.pid_started

    @property
    def bmc_driver(self) -> str | None:
        """The driver that its controller powers nodes with; None if they have no BMCs."""
        try:
            return (self.directory / BMC_DRIVER).read_text()
        except FileNotFoundError:
            return None


def process_started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), field 22 of stat); None if it doesn't run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def claim(name: str, nodes: Mapping[str, str]) -> LabState:
    """Record a new lab, held by this process, before anything of it exists. Raises BadInput if there is one."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"lab: name {name!r} was given; accepted are up to 32 lower-case letters, digits and hyphens.")
    state = LabState(name=name, pid=os.getpid(), pid_started=process_started(os.getpid()) or 0, nodes=nodes)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".", dir=DIRECTORY))
    # Searchable, since a controller's servers give up root before they open their files.
    partial.chmod(0o711)
    (partial / _FILE).write_text(json.dumps(asdict(state)))
    try:
        # One step, so that no crash leaves a lab that nobody can find.
        partial.rename(state.directory)
    except OSError:
        shutil.rmtree(partial)
        raise BadInput(f"lab {name}: there is one of that name; 'luna lab down {name}' removes it.") from None
    return state


def labs() -> Sequence[LabState]:
    """Every lab on this machine, by name; those that nobody holds any more included."""
    found = []
    for path in sorted(DIRECTORY.glob(f"[!.]*/{_FILE}")):
        with suppress(FileNotFoundError):
            found.append(LabState(**json.loads(path.read_text())))
    return found


def find(name: str | None) -> LabState:
    """The lab of that name, or the only one. Raises NotFound or BadInput."""
    known = labs()
    if name is None and len(known) != 1:
        names = ", ".join(state.name for state in known) or "none"
        raise BadInput(f"lab: no name was given, which is accepted if there is just one lab; there are: {names}.")
    for state in known:
        if name in (None, state.name):
            return state
    raise NotFound("lab", str(name), [state.name for state in known], lists="luna lab status")


def remove(state: LabState) -> None:
    """Stop whoever holds the lab, every process in it, and remove its network and files."""
    if state.held and state.pid != os.getpid():
        _stop(state.pid)
    state.namespace.delete()
    shutil.rmtree(state.directory, ignore_errors=True)


def sweep() -> Sequence[str]:
    """Remove the labs that nobody holds, and return their names."""
    with sweeping():
        left = [state for state in labs() if not state.held]
        for state in left:
            remove(state)
    return [state.name for state in left]


@contextmanager
def sweeping() -> Iterator[None]:
    """Let nobody else sweep meanwhile: of two that find the same lab, one would look for what the other has removed."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with DIRECTORY.with_name("labs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if not select.select([handle], [], [], 15.0)[0]:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], 5.0)
        finally:
            os.close(handle)
