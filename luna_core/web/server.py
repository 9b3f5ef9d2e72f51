"""`lweb`: the boot server as a process."""

import logging
import signal
import sys
from pathlib import Path
from types import FrameType

import click
from cheroot import wsgi

from luna_core.errors import LunaError
from luna_core.operations import connect
from luna_core.web.app import make_app
from luna_core.web.boot import BootService
from luna_core.web.probe import Probe

THREADS = 40
WAITING_CONNECTIONS = 4096


@click.command()
@click.option(
    "--address", default="::", show_default=True, help="Address to listen on; :: is every one of both families."
)
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port; the setting http.port if not given.")
def serve(address: str, port: int | None) -> None:
    """Answer booting machines until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    with connect(who="lweb") as luna:
        values = luna.cluster_settings()
        service = BootService(luna)
        probe = Probe(service)
        app = make_app(service, Path(str(values["tftp.directory"])))
        server = wsgi.Server(
            (address, port or int(str(values["http.port"]))),
            app,
            numthreads=THREADS,
            request_queue_size=WAITING_CONNECTIONS,
            server_name="luna",
        )

        def stop(_signal: int, _frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, stop)
        try:
            server.start()
        except KeyboardInterrupt:
            server.stop()
        except OSError as error:
            raise LunaError(
                f"The boot server can't listen on {address} port {server.bind_addr[1]}: {error}."
            ) from error
        finally:
            probe.close()
            service.commits.close()


def main() -> None:
    """Run the command; exit status 1 and a sentence if it can't."""
    try:
        serve()
    except LunaError as error:
        sys.exit(f"lweb: {error}")
