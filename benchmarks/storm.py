"""A storm of nodes by torrent, the same with relays, and by http alone, beside each other.

    python benchmarks/storm.py [--nodes 512] [--ways torrent,relays,http] [--into DIRECTORY] [-- OPTION ...]

Options after -- go to `luna lab storm`. What each said is kept in the directory as WAY.json, which
benchmarks/storm_model.py puts beside its model, with curves in WAY.svg.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

LUNA = Path(sys.executable).with_name("luna")
WAYS = {"torrent": [], "relays": ["--relays"], "http": ["--transport", "http"]}
STEPS = ("boot script", "initramfs", "image", "finished")


def main() -> None:
    """Measure, and print a table; exit status 1 if a node didn't finish."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=512, help="how many (512)")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"which of {', '.join(WAYS)} (all)")
    parser.add_argument("--into", type=Path, default=Path("build/storm"), help="where results go (build/storm)")
    parser.add_argument("options", nargs="*", help="further options of luna lab storm")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':10}" + "".join(f"{step:>14}" for step in STEPS) + "   copies  controller MB  finished", flush=True)
    told = [show(way, storm(way, given.nodes, given.into, given.options)) for way in given.ways.split(",")]
    sys.exit(0 if all(told) else "not every node finished")


def storm(way: str, nodes: int, into: Path, options: list[str]) -> dict[str, Any]:
    """What `luna lab storm` said."""
    words = ["lab", "storm", "--nodes", str(nodes), *WAYS[way], "--svg", str(into / f"{way}.svg"), "-o", "json"]
    done = subprocess.run([LUNA, *words, *options], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    (into / f"{way}.json").write_text(done.stdout)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def show(way: str, result: dict[str, Any]) -> bool:
    """Print when the last node had what; returns whether every node has finished."""
    last = {row["step"]: row["all_s"] for row in result["steps"]}
    times = "".join(f"{last[step]:12.1f} s" if last.get(step) else f"{'never':>14}" for step in STEPS)
    copies = result["image_bytes_from_controller"] / result["image_bytes"]
    sent = result["controller_bytes"] / 1e6
    print(f"{way:10}{times}{copies:9.1f}{sent:15.0f}{result['finished']:10}", flush=True)
    return bool(result["finished"] == result["nodes"])


if __name__ == "__main__":
    main()
