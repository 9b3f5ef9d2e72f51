"""How much of a new version nodes fetch that have the old one, and whether they end with exactly the new tree.

    python benchmarks/delta.py [TREE] [--share 0.01] [--files 30000] [--nodes 2]

Run it as root, with a tree as `mmdebstrap` makes it, of which private files are left out; without one it takes 30,000
files of this machine's /usr, in ten minutes. 300 of 30,000 are a share of 0.01. They change in a copy, either in whole
packages, as a package manager does it, or all over the tree; a tenth as many come and go. Nodes are luna's client in
network namespaces, with the real seeder and tracker; the second boot finds the work directory of the first. "fetched"
is what libtorrent received for the second, from whomever, by node. /dev/shm takes the tree twice and once for each
node, and its packed form twice and once for each node.
"""

import argparse
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cluster
import ground
from pack import copied

from luna_core.image.compare import differences
from luna_core.image.private import set_apart
from luna_core.image.scan import scan
from luna_core.image.versions import load_version
from luna_core.run import run
from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import Switch
from luna_core.types import ImageVersion

Choose = Callable[[Path, list[Path], int], list[Path]]
LIMIT = 0.2


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, nargs="?")
    parser.add_argument("--share", type=ground.share, default=0.01, help="share of the files that change (0.01)")
    parser.add_argument("--files", type=ground.count, default=30_000, help="files to take of /usr (30000)")
    parser.add_argument("--nodes", type=ground.count, default=2, help="number of nodes (2)")
    given = parser.parse_args()
    ground.need("ip", "tc")
    print(ground.machine())
    print(f"{given.tree or '/usr'}; the limit is a share of {LIMIT}")
    print(f"{'changed':20} {'files':>14} {'shards':>13} {'fetched MB':>15} {'share':>6}  tree", flush=True)
    held = True
    for what, choose in {"in whole packages": by_package, "all over the tree": anywhere}.items():
        with cluster.cluster(Switch(given.nodes)) as delivery:
            tree = copy_of(given.tree, delivery.directory / "tree", given.files)
            text, good = measure(delivery, tree, choose, given.share)
            print(f"{what:20} {text}", flush=True)
            held = held and good
    sys.exit(None if held else f"a node fetched more than {LIMIT} of the version, or has another one")


def copy_of(original: Path | None, tree: Path, files: int) -> Path:
    """The tree to be changed, without private files, which the benchmark's boot server doesn't give."""
    if original is None:
        return copied(Path("/usr"), tree / "usr", enough_files=files).parent
    run(["cp", "-a", original, tree])
    remove_private(tree)
    return tree


def remove_private(tree: Path) -> None:
    """Remove the private files; one that was empty is private once it is changed."""
    found = scan(tree)
    set_apart(found, ())
    for entry in found.private:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + entry.path)).unlink()


def measure(delivery: Delivery, tree: Path, choose: Choose, share: float) -> tuple[str, bool]:
    """Boot, change, boot: the rest of a line of the table, and whether it is as it must be."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    changed = choose(tree, files, int(len(files) * share))
    if not changed:
        return f"not measured: of {len(files)} files none is to change, or dpkg has no package with so few", True
    old = cluster.publish(delivery, tree)
    boot(delivery, old)
    change(changed, files)
    remove_private(tree)
    new = cluster.publish(delivery, tree, previous=old.directory)
    boot(delivery, new)
    machines = delivery.switch.machines[1:]
    reports = [delivery.reports(machine)[-1] for machine in machines]
    fetched = max(report["peer_bytes"] + report["server_bytes"] for report in reports)
    wrong = [difference for machine in machines for difference in differences(tree, delivery.home(machine) / "root")]
    before, after = (load_version(version.directory).shards for version in (old, new))
    missing = len({one.name for one in after} - {one.name for one in before})
    text = (
        f"{len(changed):5} of {len(files):6} {missing:5} of {len(after):5} "
        f"{fetched / 1e6:6.1f} of {new.size_bytes / 1e6:6.1f} {fetched / new.size_bytes:6.3f}  "
        f"{f'WRONG: {wrong[0]}' if wrong else 'exactly the new one'}"
    )
    return text, not wrong and fetched <= LIMIT * new.size_bytes


def boot(delivery: Delivery, version: ImageVersion) -> None:
    """Put the version in place on every node, beside nothing but what it fetched before. Raises SystemExit."""
    machines = delivery.switch.machines[1:]
    for machine in machines:
        delivery.stop_seeding(machine)
        shutil.rmtree(delivery.home(machine) / "root", ignore_errors=True)
    clients = {machine: delivery.fetch(machine, version) for machine in machines}
    for machine, client in clients.items():
        if client.wait():
            raise SystemExit(delivery.console(machine))


def by_package(tree: Path, files: list[Path], count: int) -> list[Path]:
    """The files of Debian packages chosen by chance, but of none that has more than `count`."""
    own_lists = tree / "var/lib/dpkg/info"
    lists = sorted((own_lists if own_lists.is_dir() else Path("/var/lib/dpkg/info")).glob("*.list"))
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


if __name__ == "__main__":
    main()
