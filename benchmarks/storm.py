"""Storms of several sizes by torrent, by torrent with relays, and by http alone: measured once, kept, and shown.

    python benchmarks/storm.py [--nodes 64,256,512] [--ways torrent,relays,http] [--into FILE] [--limit-s 400]
        [--again] [--svg FILE] [-- OPTION ...]

Needs root, and a machine that does nothing else. Each storm is appended to a file of JSON lines as soon as it ends; one
that is there, with the same options and all its nodes, isn't repeated, so an interrupted measurement goes on. Options
after -- go to `luna lab storm`, beside OPTIONS below; `benchmarks/storm_model.py --measured FILE` puts a model beside.

"busy" is the share of all processors that nodes and controller used: near 100 % a figure tells of this machine, and not
of links and luna.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import ground

from luna_lab.storm_report import curves

LUNA = Path(sys.executable).with_name("luna")
# Blocks are as large as real ones, of an image that isn't: fewer are to be on their way.
QUEUE = ["--set", "torrent.request_queue=2"]
WAYS = {"torrent": QUEUE, "relays": ["--relays", *QUEUE], "http": ["--transport", "http"]}
STEPS = ("boot script", "initramfs", "image", "finished")
SIZES = ["--image-kb", "2000", "--kernel-kb", "100", "--initramfs-kb", "250"]
OPTIONS = ["--mbit", "4", "--controller-mbit", "40", *SIZES]
# A storm that doesn't end by itself is ended, and so long after it one that doesn't clean up.
GRACE_S = 120.0


def main() -> None:
    """Measure what is missing, and print a table; exit status 1 if a node didn't finish."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=ground.counts, default="64,256,512", help="numbers of nodes (64,256,512)")
    parser.add_argument(
        "--ways", type=ground.some_of(WAYS), default=",".join(WAYS), help=f"which of {', '.join(WAYS)} (all)"
    )
    parser.add_argument("--into", type=Path, default=Path("build/storms.jsonl"), help="results (build/storms.jsonl)")
    parser.add_argument("--limit-s", type=ground.positive, default=400, help="when one storm is given up (400)")
    parser.add_argument("--again", action="store_true", help="measure what is there, too")
    parser.add_argument("--svg", type=Path, help="file to draw the largest storms into, a curve for each way")
    parser.add_argument("options", nargs="*", help="further options of luna lab storm")
    given = parser.parse_args()
    ground.need("ip", "tc", "dnsmasq", "nginx")
    print(ground.machine())
    print(" ".join(OPTIONS))
    print(f"nodes  {'way':8}" + "".join(f"{step:>12}" for step in STEPS), end="")
    print("  copies  sent MB  relayed  again  busy  finished", flush=True)
    options = [*OPTIONS, *given.options]
    every = []
    for nodes, way in product(given.nodes, given.ways):
        every.append((way, storm(way, nodes, options, given.into, given.limit_s, again=given.again)))
        show(*every[-1])
    if given.svg:
        given.svg.write_text(drawn(every))
    sys.exit(0 if all(result["finished"] == result["nodes"] for _, result in every) else "not every node finished")


def kept(file: Path) -> Iterator[dict[str, Any]]:
    """What was measured before."""
    if file.exists():
        yield from map(json.loads, file.read_text().splitlines())


def storm(way: str, nodes: int, options: Sequence[str], into: Path, limit_s: float, *, again: bool) -> dict[str, Any]:
    """What `luna lab storm` says, or said of the same before; without steps if it had to be ended."""
    words = ["--nodes", str(nodes), *WAYS[way], *options]
    if not again:
        for earlier in kept(into):
            if earlier["words"] == words and earlier["finished"] == nodes:
                return {**earlier, "kept": f"measured {earlier.get('at', 'before')}"}
    command = [str(LUNA), "lab", "storm", *words, "--timeout", str(limit_s), "-o", "json"]
    begin_s = time.monotonic()
    pipe = subprocess.PIPE
    # Ctrl-C doesn't reach it but by what follows, for a second signal would end its cleaning up.
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, process_group=0) as process:  # noqa: S603
        try:
            text, errors = process.communicate(timeout=limit_s + GRACE_S)
        except subprocess.TimeoutExpired:
            # It removes its networks then, as by Ctrl-C.
            process.terminate()
            text, errors = process.communicate()
        except BaseException:
            process.terminate()
            process.communicate()
            raise
    if process.returncode:
        print(f"{way}: {errors.strip().splitlines()[-1:]}", file=sys.stderr)
    said: dict[str, Any] = json.loads(text or "{}")
    result = {"nodes": nodes, "steps": [], "finished": 0, **said, "words": words, "wall_s": time.monotonic() - begin_s}
    ground.keep(into, result)
    return result


def drawn(every: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Curves of how many nodes of the largest storms had finished by when, as an SVG document."""
    most = max(int(result["nodes"]) for _, result in every)
    series, title = {}, f"{most} nodes"
    for way, result in every:
        rows = [row for row in result["steps"] if row["step"] == "finished" and result["nodes"] == most]
        for row in rows:
            tenths = [(time_s, most * part / 10) for part, time_s in enumerate(row["tenths_s"], 1) if time_s]
            series[way] = [(row["first_s"] or 0.0, 0.0), *tenths]
            title = (
                f"{most} nodes, finished; {result['mbit']:g} Mbit/s, controller {result['controller_mbit']:g} Mbit/s"
            )
    return curves(title, series, "seconds", "nodes")


def show(way: str, result: dict[str, Any]) -> None:
    """Print when the last node had what."""
    last = {row["step"]: row["all_s"] for row in result["steps"]}
    times = "".join(f"{last[step]:10.1f} s" if last.get(step) else f"{'never':>12}" for step in STEPS)
    print(f"{result['nodes']:5}  {way:8}{times}", end="")
    if result["steps"]:
        copies = result["image_bytes_from_controller"] / result["image_bytes"]
        relayed = result["boot_bytes_from_relays"] / (result["kernel_bytes"] + result["initramfs_bytes"])
        print(f"{copies:8.1f}{result['controller_bytes'] / 1e6:9.0f}{relayed:9.0f}{len(result['troubles']):7}", end="")
        print(f"{busy(result):6.0%}{result['finished']:10}", end="")
    print(f"  {result.get('kept', '')}".rstrip(), flush=True)


def busy(result: dict[str, Any]) -> float:
    """How much of all processors' time a storm used."""
    spent_s: float = result["nodes_cpu_s"] + result["controller_cpu_s"]
    return spent_s / float(result["took_s"]) / int(result["processors"])


if __name__ == "__main__":
    main()
