"""`luna-python -m luna_core.node.clock URL`: prints the boot server's time, in seconds since 1970, or fails.

It is the Date of an answer (RFC 9110, section 6.6.1). A certificate can't be judged before the clock is right, so this
request checks none, and carries no token.
"""

import sys
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

from luna_core.node.http import Connection, HttpError


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    (url,) = arguments
    try:
        answer = Connection(f"{url}/", verified=False).ask("HEAD", "")
        print(int(parsedate_to_datetime(answer.date).timestamp()))
    except (HttpError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
