"""`luna-python -m luna_core.node.request URL SESSION PATH`: one request in the boot session whose token SESSION holds.

The answer is for standard output if it is 2xx. Else the last line says why there is none, and the exit status is
3 if the session was refused, 4 for what else the boot server said, and 1 if it said nothing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from luna_core.node.http import Connection, HttpError

# As luna-lib.sh's own limit, nearly: a boot server that has to answer everybody is slow, and each attempt counts.
_TIMEOUT_S: Final = 55.0
_SILENT, _REFUSED, _NOT_GIVEN = 1, 3, 4


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    url, session, path = arguments
    # On no command line and in no variable, which other processes could read.
    headers = {"Authorization": f"Bearer {Path(session).read_text().strip()}"}
    try:
        answer = Connection(url, timeout_s=_TIMEOUT_S).ask("GET", path, headers=headers)
    except HttpError as error:
        print(error, file=sys.stderr)
        return _SILENT
    if 200 <= answer.status < 300:
        sys.stdout.buffer.write(answer.body)
        return 0
    first_line = answer.body.partition(b"\n")[0].decode(errors="replace")
    print(f"HTTP {answer.status}, {first_line}", file=sys.stderr)
    return _REFUSED if answer.status in (401, 403) else _NOT_GIVEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
