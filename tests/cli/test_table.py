"""Nodes from a table, and what the page for those who come from another system makes tables of."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Luna = Callable[..., Any]

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/come-from-another-system.md"
# As the manuals of both print them: lsdef(1) of xCAT 2.16, nodes.conf of Warewulf 4.6.
XCAT = """# <xCAT data object stanza file>

cn01:
    objtype=node
    arch=x86_64
    bmc=10.148.7.1
    groups=compute,rack1
    ip=10.141.7.1
    kcmdline=quiet repo=http://!myipfn!:80/install console=ttyS0,115200n8r
    mac=34:40:b5:b9:c0:18!cn01|34:40:b5:b9:c0:19!*NOIP*
    switch=sw01
    switchport=7

cn02:
    objtype=node
    groups=compute
    mac=34:40:b5:b9:c0:20
"""
WAREWULF = """nodeprofiles:
  default:
    image name: rocky-9
nodes:
  cn01:
    profiles:
    - default
    - rack1
    ipmi:
      ipaddr: 10.148.7.1
    network devices:
      default:
        device: eno1
        hwaddr: 52:54:00:12:34:56
        ipaddr: 10.141.7.1
  cn02: {}
"""


def rows(luna: Luna) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = luna("node", "list", "cn[01-02]", "-o", "json").json
    return found


def test_a_line_says_what_it_wants_and_luna_the_rest(cluster: Luna) -> None:
    lines = (
        "name;mac;address;BMC.address;group;tags",
        "cn01;52-54-00-00-00-01;10.141.7.1;10.148.0.5;;gpu fast",
        "cn02;;;;gpu;",
    )
    table = "\ufeff" + "\r\n".join(lines)
    cluster("group clone compute gpu")
    shown = cluster("node add --table - --group compute --dry-run", input=table).out
    assert "addresses.BMC.ipmi.ipv4: 10.148.0.5" in shown
    done = cluster("node add --table - --group compute", input=table)
    assert (done.status, done.out) == (0, "cn[01-02]\n"), done.err
    first, second = rows(cluster)
    assert (first["group"], first["macs"], first["tags"]) == ("compute", ["52:54:00:00:00:01"], ["gpu", "fast"])
    assert first["addresses"] == {"BOOTIF": ["10.141.7.1"], "BMC": ["10.148.0.5"]}
    # The lowest free ones are handed out after all that were asked for.
    assert second["addresses"] == {"BOOTIF": ["10.141.0.5"], "BMC": ["10.148.0.6"]}
    assert second["group"] == "gpu"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "accepted is name as the first"),
        ("mac,name\n", "accepted is name as the first"),
        ("name,mac\n,\n", "it has no node; accepted is a line for each"),
        ("name,macs\n", "there is no column 'macs'; accepted are name, group, .* Did you mean mac"),
        ("name,rack\ncn01,r1\n,r2\n", "line 3: .* accepted are a name"),
        (f"name,rack\ncn01,{'x' * 200_000}\n", "line 2: it can't be read: field larger than"),
        ("name,rack\ncn01,r1,x\n", "line 2: .* accepted are a name"),
        ('name,rack\ncn01,"r1\ncn02,r2\n', "line 2: it can't be read: .* accepted are cells of one line"),
        ('name,rack\ncn01,r0\n\ncn02,"r1\ncn03,r2"\n', "line 4: it can't be read: .* accepted are cells of one line"),
        ('name,rack\ncn01,"r"1\n', "line 2: it can't be read: .* accepted are cells of one line"),
        ("name,rack\ncn01,r1\ncn02\vcn03,r1\n", r"name: 'cn02.x0bcn03' was given"),
        ("name,mac,BOOTIF.mac\ncn01,52:54:00:00:00:01,52:54:00:00:00:02\n", "each once, of which mac is BOOTIF.mac"),
        ("name,.mac\n", "there is no column '.mac'; .* Did you mean mac"),
        ("name,BOOTF.mac\ncn01,52:54:00:00:00:01\n", "node cn01: .* 'BOOTF'; .* BOOTIF, BMC. Did you mean BOOTIF"),
        ("name,rack\ncn01,r1\nnode001,r1\n", "node node001: the name is taken"),
        ("name,address\ncn01,10.141.7\n", "node cn01: interface BOOTIF: '10.141.7' was given; accepted is an address"),
        ("name,BMX.address\ncn01,10.141.7.1\n", "node cn01: there is no interface 'BMX'; accepted are BOOTIF, BMC"),
        ("name,address\ncn01,10.99.0.1\n", "10.99.0.1 was given; accepted is an address in 10.141.0.0/16"),
    ],
)
def test_a_table_that_is_wrong_makes_no_node(cluster: Luna, table: str, said: str) -> None:
    done = cluster("node add --table - --group compute", input=table)
    assert done.status == 2
    assert re.search(said, done.err), done.err
    assert len(cluster("node", "list", "-o", "json").json) == 4


def test_a_cell_keeps_what_ends_no_line_and_quotes_at_both_ends(cluster: Luna) -> None:
    ends = "\v \f \x1c \x85 \u2028 \u2029"
    table = f'name,comment,asset_tag\ncn01,a{ends}b,"1, 2"\ncn02,5" disk,"say ""two"""\n'
    done = cluster("node add --table - --group compute", input=table)
    assert (done.status, done.out) == (0, "cn[01-02]\n"), done.err
    first, second = (cluster("node", "show", name, "-o", "json").json for name in ("cn01", "cn02"))
    assert (first["comment"], first["asset_tag"]) == (f"a{ends}b", "1, 2")
    assert (second["comment"], second["asset_tag"]) == ('5" disk', 'say "two"')


def test_a_table_that_is_not_utf8_is_refused_from_standard_input_too(cluster: Luna, tmp_path: Path) -> None:
    table = tmp_path / "latin.csv"
    table.write_bytes("name,comment\ncn01,Köln\n".encode("latin-1"))
    for given in (str(table), "-"):
        done = subprocess.run(
            [Path(sys.executable).with_name("luna"), "node", "add", "--table", given, "--group", "compute"],
            input=table.read_bytes(),
            env=os.environ | {"LC_ALL": "C"},
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 2
        assert done.stderr.decode().startswith(f"luna: table: {given} can't be read: 'utf-8' codec can't decode")


def test_a_file_is_named_as_it_was_given(cluster: Luna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("node add --table no.csv", "apply --file no.csv", "node add cn01 --macs @no.csv"):
        assert ": no.csv can't be read: [Errno 2]" in cluster(words).err
    monkeypatch.chdir(tmp_path)
    Path("@nodes").write_text("name\ncn01\n")
    assert cluster("node add --table @nodes --group compute").out == "cn01\n"


def test_a_table_stands_alone(cluster: Luna) -> None:
    for others in ("node009 --table -", "--count 2 --table -", "--table - --ports 3"):
        assert cluster(f"node add {others} --group compute", input="name\ncn01\n").status == 2


@pytest.mark.parametrize(
    ("number", "mac", "tags"), [(0, "34:40:b5:b9:c0:18", "compute"), (1, "52:54:00:12:34:56", "default")]
)
def test_the_page_makes_tables_of_what_xcat_and_warewulf_write(
    cluster: Luna, tmp_path: Path, number: int, mac: str, tags: str
) -> None:
    script = re.findall(r"```sh\n(.*?)^luna node add", PAGE.read_text(), re.MULTILINE | re.DOTALL)[number]
    (tmp_path / "lsdef").write_text(f"#!/bin/sh\ncat << 'EOF'\n{XCAT}EOF\n")
    (tmp_path / "lsdef").chmod(0o755)
    (tmp_path / "nodes.conf").write_text(WAREWULF)
    script = script.replace("/opt/luna/bin/python", sys.executable).replace("/etc/warewulf/", "")
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, check=True, timeout=60)
    done = cluster("node", "add", "--table", str(tmp_path / "nodes.csv"), "--group", "compute")
    assert (done.status, done.out) == (0, "cn[01-02]\n"), done.err
    first, second = rows(cluster)
    assert (first["macs"], first["tags"]) == ([mac], [tags, "rack1"])
    assert first["addresses"] == {"BOOTIF": ["10.141.7.1"], "BMC": ["10.148.7.1"]}
    assert second["addresses"] == {"BOOTIF": ["10.141.0.5"], "BMC": ["10.148.0.5"]}
