"""What benchmarks stand on: root, programs, memory, numbers that make sense, and nothing left of an earlier one."""

import argparse
import errno
import json
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import FrameType

import luna_core
from luna_core.errors import CommandFailed
from luna_core.run import run
from luna_lab.namespace import Namespace
from luna_lab.state import process_started

CORES = len(os.sched_getaffinity(0))
MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs, for no disk is to be measured
_DIRECTORY = "luna-benchmark-"
_NAMESPACES = Path("/run/netns")
# What processes take beside the files, and what is left to whatever else runs.
_SPARE_BYTES = 1 << 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def need(*programs: str) -> None:
    """Raise SystemExit unless this is root and the programs are there; signals then end it as `end_cleanly` says.

    What SIGKILL left of an earlier one's namespaces and files in memory is removed.
    """
    if os.geteuid():
        raise SystemExit("This benchmark makes network namespaces: run it as root.")
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise SystemExit(f"Not found: {', '.join(missing)}; packaging/apt-packages.txt says what they belong to.")
    end_cleanly()
    _sweep()


def end_cleanly() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end this program as SystemExit does, so that it removes what it made."""
    for number in _SIGNALS:
        signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    # A second Ctrl-C would end the cleaning up.
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def need_memory(size_bytes: float) -> None:
    """Raise SystemExit unless files of so many bytes in all fit into this machine's memory."""
    known = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available_bytes = int(known["MemAvailable"].split()[0]) * 1024 - _SPARE_BYTES
    if size_bytes > (free_bytes := min(shutil.disk_usage(MEMORY).free, available_bytes)):
        raise SystemExit(
            f"This takes {size_bytes / 1e9:.1f} GB of memory as files in {MEMORY}, where "
            f"{max(0, free_bytes) / 1e9:.1f} GB are free; fewer nodes, a lower rate or fewer seconds take less."
        )


@cache
def machine() -> str:
    """What figures depend on, in one line; the load is that of the first call."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return (
        f"{CORES} cores{f' of {model[1]}' if model else ''}, {memory_bytes / (1 << 30):.0f} GiB, load {load} at the "
        f"start; Linux {platform.release()}, Python {platform.python_version()}; {revision()}"
    )


def revision() -> str:
    """Which luna is measured: its version, and the commit where it is a repository's."""
    try:
        commit = run(["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"]).strip()
    except CommandFailed:
        commit = "no repository"
    return f"luna {luna_core.__version__} ({commit})"


def keep(file: Path | None, figures: Mapping[str, object]) -> None:
    """Append figures as a line of JSON to a file, if there is one to be, with when and of what they are."""
    if file:
        said = {**figures, "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as lines:
            lines.write(json.dumps(said) + "\n")


def counts(text: str) -> list[int]:
    """Numbers of nodes from the command line; raises ArgumentTypeError."""
    return [count(word) for word in text.split(",")]


def count(text: str) -> int:
    """A whole number from 1 on from the command line; raises ArgumentTypeError."""
    if not re.fullmatch("0*[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} was given; accepted is a whole number from 1 on.")
    return int(text)


def positive(text: str) -> float:
    """A number above 0 from the command line; raises ArgumentTypeError."""
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", text) or not float(text):
        raise argparse.ArgumentTypeError(f"{text!r} was given; accepted is a number above 0.")
    return float(text)


def share(text: str) -> float:
    """A number from 0 to 1 from the command line; raises ArgumentTypeError."""
    if not re.fullmatch(r"0?\.[0-9]+|0|1(\.0*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} was given; accepted is a number from 0 to 1.")
    return float(text)


def shares(text: str) -> list[float]:
    """Numbers from 0 to 1 from the command line; raises ArgumentTypeError."""
    return [share(word) for word in text.split(",")]


def some_of(accepted: Collection[str]) -> Callable[[str], list[str]]:
    """What takes words from the command line that are among the `accepted`; it raises ArgumentTypeError."""

    def words(text: str) -> list[str]:
        for word in text.split(","):
            if word not in accepted:
                raise argparse.ArgumentTypeError(f"{word!r} was given; accepted are {', '.join(accepted)}.")
        return text.split(",")

    return words


@contextmanager
def memory_directory() -> Iterator[Path]:
    """A directory in memory that ends with this benchmark, or before the next; it says so if there is no room left."""
    directory = Path(tempfile.mkdtemp(prefix=f"{_DIRECTORY}{os.getpid()}-", dir=MEMORY))
    directory.chmod(0o755)
    try:
        yield directory
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise SystemExit(f"{MEMORY} is full: {error}; fewer nodes or smaller files need less.") from error
    finally:
        shutil.rmtree(directory)


def _sweep() -> None:
    """Remove namespaces with what runs in them, and files, of benchmarks whose process is gone."""
    left = [(path, r"luna(\d+)(?:sw|m\d+)") for path in _NAMESPACES.glob("luna*")]
    left += [(path, rf"{_DIRECTORY}(\d+)-.*") for path in MEMORY.glob(f"{_DIRECTORY}*")]
    for path, pattern in left:
        found = re.fullmatch(pattern, path.name)
        if found is None or process_started(int(found[1])):
            continue
        # Another benchmark that begins now removes the same.
        if path.parent == MEMORY:
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(CommandFailed):
                Namespace(path.name).delete()
