"""`luna-python -m luna_core.node fetch JOB`: 0 done; 1 not fetched or 3 not unpacked, with the reason as the last line.

2 is for a wrong command line.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from luna_core.node.errors import DownloadError, UnpackError
from luna_core.node.fetch import fetch
from luna_core.node.job import read_job


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    if len(arguments) != 2 or arguments[0] != "fetch":
        print("usage: luna-python -m luna_core.node fetch JOB", file=sys.stderr)
        return 2
    started_s = time.monotonic()

    def say(text: str) -> None:
        # For the serial console, which is often all that an administrator sees of a node.
        print(f"luna: {time.monotonic() - started_s:6.1f} s: {text}", flush=True)

    try:
        fetch(read_job(Path(arguments[1])), say)
    except DownloadError as error:
        say(f"failed: {error}")
        return 1
    except (UnpackError, OSError) as error:
        say(f"failed: {error}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
