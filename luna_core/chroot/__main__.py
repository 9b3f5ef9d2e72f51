"""Process 1 of the namespaces: `python -m luna_core.chroot CONTROL [LOCK]`, both descriptors that luna has opened.

CONTROL brings the plan, then signals for the command, one a byte; its end is the end of luna. A failure to start goes
back on it as JSON.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence

from luna_core.chroot.init import serve
from luna_core.chroot.mounts import mounted
from luna_core.chroot.plan import Plan
from luna_core.chroot.start import start
from luna_core.errors import LunaError

_KILLED = 128 + signal.SIGKILL


def main(words: Sequence[str]) -> int:
    """Carry out the plan; returns the command's exit status, or 128 and the number of the signal that ended it."""
    for word in words:
        os.set_inheritable(int(word), False)
    # They come from the terminal, for the command; it gets them itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(words[0])) as control:
        with control.makefile("rb", buffering=0) as stream:
            line = stream.readline()
        if not line:
            return _KILLED
        plan = Plan.load(line)
        try:
            with mounted(plan):
                return serve(control, *start(control, plan), plan.release)
        except (LunaError, OSError) as error:
            status = error.exit_status if isinstance(error, LunaError) else 1
            control.send(json.dumps({"error": str(error), "status": status}).encode())
            return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
