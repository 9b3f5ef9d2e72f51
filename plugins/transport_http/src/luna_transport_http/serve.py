"""The process of the file server: `python -m luna_transport_http.serve --port 7051 DIRECTORY`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from luna_core.errors import LunaError
from luna_transport_http import builtin, nginx
from luna_transport_http.process import survive_small_frames


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit status if that can't be done."""
    parser = argparse.ArgumentParser(prog="luna_transport_http.serve", description="Serve files to nodes.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server", choices=("auto", "nginx", "builtin"), default="auto")
    parser.add_argument("directory", type=Path)
    given = parser.parse_args(arguments)
    root: Path = given.directory.absolute()
    root.mkdir(parents=True, exist_ok=True)
    program = None if given.server == "builtin" else nginx.find_nginx()
    if given.server == "nginx" and program is None:
        print("nginx is not installed; install it, or set http.file_server to builtin.", file=sys.stderr)
        return 1
    survive_small_frames()
    try:
        if program:
            nginx.become_nginx(program, root, given.port)
        builtin.serve(root, given.port)
    except (LunaError, OSError) as error:
        print(f"The file server can't run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
