"""How much of a new version a node fetches that has the old one, and whether it ends with exactly the new tree.

    python benchmarks/delta.py TREE [--share 0.01] [--scratch /dev/shm]

Run it as root, with a tree as `mmdebstrap` makes it: 300 of 30,000 files are a share of 0.01. They change in a copy,
either in whole packages, as a package manager does it, or all over the tree; a tenth as many come and go. The node is
luna's client, which fetches by HTTP from this process, with the work directory of its first boot in the second. The
scratch directory takes the tree three times and its packed form twice.
"""

import argparse
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from luna_core.image.compare import differences
from luna_core.image.pack import Packed, Source, pack
from luna_core.image.versions import private_file
from luna_core.node.fetch import fetch
from luna_core.node.job import Endpoint, Job
from luna_core.run import run

CORES = len(os.sched_getaffinity(0))
Choose = Callable[[Path, list[Path], int], list[Path]]


class Handler(SimpleHTTPRequestHandler):
    """Gives what lies below a directory, takes reports, and remembers how many bytes of shards it gave."""

    protocol_version = "HTTP/1.1"
    shard_bytes = 0

    def do_GET(self) -> None:
        """A file, or a version's private files."""
        path = Path(self.translate_path(self.path.removeprefix("/private")))
        if self.path.startswith("/private/"):
            path = private_file(path)
        body = path.read_bytes()
        type(self).shard_bytes += len(body) * ("/shards/" in self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """A report, which nobody reads."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    print(f"{arguments.tree}; {CORES} cores; the limit is a share of 0.20")
    print(f"{'changed':20} {'files':>13} {'shards':>13} {'MB':>15} {'share':>6}  tree")
    for what, choose in {"in whole packages": by_package, "all over the tree": anywhere}.items():
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as name, serving(Path(name)) as url:
            print(f"{what:20} {measure(arguments.tree, Path(name), url, choose, arguments.share)}", flush=True)


def measure(original: Path, scratch: Path, url: str, choose: Choose, share: float) -> str:
    """Boot, change, boot: the rest of a line of the table."""
    tree, work = scratch / "tree", scratch / "work"
    run(["cp", "-a", original, tree])
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    old = packed(tree, scratch / "versions", None)
    boot(old, scratch / "root", work, url)
    shutil.rmtree(scratch / "root")
    changed = choose(tree, files, int(len(files) * share))
    change(changed, files)
    new = packed(tree, scratch / "versions", old.directory)
    Handler.shard_bytes = 0
    boot(new, scratch / "root", work, url)
    wrong = differences(tree, scratch / "root")
    missing = len({one.name for one in new.manifest.shards} - {one.name for one in old.manifest.shards})
    fetched, whole = Handler.shard_bytes, new.manifest.size_bytes
    ends = "WRONG" if wrong else "exactly the new one"
    return (
        f"{len(changed):5} of {len(files):5} {missing:5} of {len(new.manifest.shards):5} "
        f"{fetched / 1e6:6.1f} of {whole / 1e6:6.1f} {fetched / whole:6.3f}  {ends}"
    )


def by_package(tree: Path, files: list[Path], count: int) -> list[Path]:
    """The files of packages chosen by chance, but of none that has more than `count`."""
    lists = sorted((tree / "var/lib/dpkg/info").glob("*.list"))
    random.Random(1).shuffle(lists)  # noqa: S311 - the same files every time
    known = set(files)
    chosen: dict[Path, None] = {}
    for one in lists:
        # Packages may still say /bin where that is a link to /usr/bin.
        paths = {(tree / line.lstrip("/")).resolve(): None for line in one.read_text().splitlines()}
        own = [path for path in paths if path in known]
        if len(own) <= count:
            chosen.update(dict.fromkeys(own))
    return list(chosen)[:count]


def anywhere(tree: Path, files: list[Path], count: int) -> list[Path]:
    """Files chosen by chance."""
    return random.Random(1).sample(files, count)  # noqa: S311 - the same files every time


def change(chosen: list[Path], files: list[Path]) -> None:
    """Change each file, and beside every tenth of them let one come and another go."""
    for number, path in enumerate(chosen):
        path.write_bytes(path.read_bytes()[::-1] + b"changed")
        if number % 10 == 0:
            path.with_name(f"{path.name}.new").write_bytes(b"new")
            neighbour = files[(files.index(path) + 1) % len(files)]
            if neighbour not in chosen:
                neighbour.unlink(missing_ok=True)


def packed(tree: Path, versions: Path, previous: Path | None) -> Packed:
    """A version of the tree; this file stands for the kernel and the initramfs."""
    file = Path(__file__)
    source = Source(image="benchmark", tree=tree, distro="any", kernel_release="none", kernel=file, initramfs=file)
    return pack(source, versions, previous=previous)


def boot(version: Packed, root: Path, work: Path, url: str) -> None:
    """Put the version in place below `root`."""
    root.mkdir()
    token = work.with_name("token")
    token.write_text("token")
    job = Job(
        node="node001",
        report_url=f"{url}/report",
        token_file=token,
        manifest_sha256=version.manifest_sha256,
        root=root,
        work_directory=work,
        endpoints=(Endpoint(transport="http", url=f"{url}/versions/{version.manifest_sha256}/"),),
        private_url=f"{url}/private/versions/{version.manifest_sha256}",
    )
    fetch(job)


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """A web server for a directory; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory)))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    main()
