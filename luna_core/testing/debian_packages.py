"""Debian packages for a test, unpacked beside the system and not installed."""

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from luna_core.run import run

CACHE = Path("/var/cache/luna-tests")


@contextmanager
def made_once(name: str, *inputs: str) -> Iterator[Path]:
    """A directory that is kept until what it is made of changes; the caller fills it if it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:12]
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE / f"{name}-{key}"


def unpacked(name: str, packages: Sequence[str], *, merged: bool = False) -> Path:
    """A directory with the content of these packages; of `a | b` the first that the release has.

    With `merged` what packages have in /lib and /sbin is in /usr, as where they are installed. Raises
    CommandFailed with what apt-get(8) says.
    """
    with made_once(name, *packages) as place:
        if not place.exists():
            partial = place.with_suffix(".partial")
            run(["rm", "-rf", partial])
            partial.mkdir()
            known = set(run(["apt-cache", "pkgnames"]).split())
            wanted = [next(one for one in words.split(" | ") if one in known) for words in packages]
            run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *wanted], directory=partial)
            for archive in list(partial.glob("*.deb")):
                run(["dpkg", "-x", archive, partial])
                archive.unlink()
            for top in [*partial.glob("*bin"), *partial.glob("lib*")] if merged else []:
                run(["cp", "-a", top, partial / "usr"])
                run(["rm", "-r", top])
            partial.rename(place)
        return place
