"""What is done to an image while a node installs it: the node ends with one whole version, never with parts of two."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from luna_core.testing.delivery import wait_until

Site = Any


def began_to_install(site: Site) -> Path:
    """Let the node come to its first phase, with the script for the version in force; the rest waits for a line."""
    go = site.hold()
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    return Path(go)


def change(site: Site) -> Path:
    """Pack another version; returns a copy of the tree of the one before."""
    before = site.directory / "before"
    subprocess.run(["cp", "--archive", site.tree, before], check=True)
    (site.tree / "usr/large").write_bytes(bytes(3_000_000))
    (site.tree / "etc/motd").write_text("another version")
    assert site.luna("osimage pack compute -o json").json["version"] == 2
    return before


def test_a_version_that_was_packed_meanwhile_is_for_the_next_boot(make_site: Callable[[], Site]) -> None:
    site = make_site()
    go = began_to_install(site)
    first = change(site)
    go.write_text("\n")
    site.is_whole(first)


def test_a_version_that_is_gone_is_left_for_the_one_that_was_rolled_back_to(make_site: Callable[[], Site]) -> None:
    site = make_site()
    first = change(site)
    go = began_to_install(site)
    site.luna("osimage version rollback compute 1")
    site.luna("osimage version delete compute 2")
    go.write_text("\n")
    site.says("download failed")
    site.says("prescript started", times=2)
    wait_until(lambda: "asks for the version in force" in site.luna("why node001").out, "the reason and what follows")
    go.write_text("\n")
    site.is_whole(first)
    assert ("download", "failed") in site.events()
