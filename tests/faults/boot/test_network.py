"""What a node finds odd about its network reaches whoever asks why it is not up."""

from collections.abc import Callable
from typing import Any

from luna_core.testing.delivery import wait_until

SENTENCE = "The address 127.0.0.1 is used by another machine too, whose MAC is 52:54:00:00:00:99."


def test_an_address_that_another_machine_has_is_told(make_site: Callable[[], Any]) -> None:
    site = make_site()
    # tests/faults/test_links.py has two machines with one address.
    client = site.directory / "bin/luna-python"
    answer = f'case $2 in *conflict) echo "{SENTENCE}"; exit 1 ;; esac'
    client.write_text(client.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{answer}\n"))
    go = site.hold()
    site.start_lweb()
    site.ask()
    with (site.directory / "arguments").open("a") as arguments:
        arguments.write("luna.ip=127.0.0.1/8\n")
    site.start_agent()
    wait_until(lambda: ("network", "done") in site.events(), "the report")
    assert SENTENCE in site.luna("why node001").out
    go.write_text("\n")
    site.is_whole(site.tree)
    assert SENTENCE in site.console()
