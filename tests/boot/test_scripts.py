"""What nodes get to run: always a script that a shell takes as it was meant, whatever administrators write."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot import scripts
from luna_core.boot.facts import BootFacts, Offers
from luna_core.documents import load
from luna_core.errors import BadInput, LunaError
from luna_core.model.disks import DiskLayout
from luna_core.types import Endpoint, NodeFile, Postscript

URL = "http://10.141.255.254:7050"
HOSTILE = "'; touch /pwned; echo '$(touch /pwned)`touch /pwned`\"\\ \nEOF\nLUNA_0000000000000000\n${x} || shell"
Make = Callable[..., BootFacts]
MakeOffers = Callable[..., Offers]
STAGES = ("prescript", "partscript", "postscript", "chroot")


def written(script: str) -> Mapping[str, str]:
    """The files of phases that the install script writes."""
    found = re.findall(
        r"^cat > /run/luna/phases/([\w-]+)\.sh <<'(LUNA_\w+)'\n(.*?)^\2$", script, re.DOTALL | re.MULTILINE
    )
    return {name: text for name, _, text in found}


def phases(script: str) -> Mapping[str, str]:
    """All scripts of each phase together, in their order."""
    found: dict[str, str] = {}
    for name, text in written(script).items():
        phase = name.split("-")[0]
        found[phase] = found.get(phase, "") + text
    return found


def shellcheck(text: str) -> str:
    done = subprocess.run(["shellcheck", "-s", "sh", "-"], input=text, capture_output=True, text=True)
    return done.stdout


def everything(boot_facts: Make, offers: MakeOffers, **profile: Any) -> str:
    fragments = [Postscript(name=f"of {stage}", stage=stage, text=f"echo {stage}") for stage in STAGES]  # type: ignore[arg-type]
    files = [NodeFile(path="/etc/hosts", content="127.0.0.1\tlocalhost\n"), NodeFile(path="/etc/x y", content="x")]
    return scripts.install_script(URL, boot_facts(**profile), offers(*fragments), files, "grub-install /dev/sda")


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"root_size": "4G", "numa_policy": "interleave"},
        {"prescript": "echo before", "postscript": "echo after"},
        {"root": "overlay", "root_size": "50%"},
        {"root": "disk", "partscript": 'mount /dev/sda1 "$NEWROOT"', "shard_cache": "LABEL=luna-cache"},
    ],
    ids=lambda profile: "+".join(profile) or "plain",
)
def test_every_script_passes_shellcheck(boot_facts: Make, offers: MakeOffers, profile: Mapping[str, str]) -> None:
    script = everything(boot_facts, offers, **profile)
    assert shellcheck(script) == ""
    found = phases(script)
    assert list(found)[:2] == ["prescript", "partscript"]
    for name, text in written(script).items():
        assert shellcheck(f"#!/bin/sh\nNEWROOT=/sysroot\nexport NEWROOT\n{text}") == "", name


def test_phases_come_in_the_promised_order_and_empty_ones_are_left_out(boot_facts: Make, offers: MakeOffers) -> None:
    called = re.findall(r"^luna_(?:phase|image) .*/(\w+)-1\.sh", everything(boot_facts, offers), re.MULTILINE)
    assert called == ["prescript", "partscript", "download", "setnet", "postscript", "finish"]
    plain = phases(scripts.install_script(URL, boot_facts(), offers(), []))
    assert list(plain) == ["partscript", "download", "setnet", "finish"]


def test_a_root_on_disk_gets_its_mounts_and_then_the_boot_loader(boot_facts: Make, offers: MakeOffers) -> None:
    found = phases(everything(boot_facts, offers, root="disk", partscript="true"))
    assert list(found)[-3:] == ["postscript", "bootloader", "finish"]
    assert "grub-install" in found["bootloader"]
    assert "etc/fstab" in found["postscript"]
    assert "etc/fstab" not in phases(everything(boot_facts, offers))["postscript"]


ENCRYPTED = """
disks:
  one:
    first: true
    partitions:
      - {name: boot, size: 1G, format: ext4, mount: /boot}
      - {name: root, size: rest, format: ext4, mount: /, encrypt: HOW}
"""


@pytest.mark.parametrize(("how", "is_loaded"), [("key", False), ("tpm", True)])
def test_what_is_encrypted_asks_for_the_key_and_boots_alone_by_a_tpm_only(
    boot_facts: Make, offers: MakeOffers, how: str, is_loaded: bool
) -> None:
    layout = DiskLayout.model_validate(load(ENCRYPTED.replace("HOW", how), "disks"))
    found = phases(everything(boot_facts, offers, root="disk", disks=layout))
    assert found["partscript"].count("boot/disk-key") == 1
    assert ("bootloader" in found) is is_loaded
    assert "etc/crypttab" in found["postscript"]


@pytest.mark.parametrize(("answers", "reaches"), [("printf s3cret", True), ("printf s3c; return 22", False)])
def test_the_key_reaches_what_makes_the_disks_by_its_standard_input_or_not_at_all(
    boot_facts: Make, offers: MakeOffers, tmp_path: Path, answers: str, reaches: bool
) -> None:
    layout = DiskLayout.model_validate(load(ENCRYPTED.replace("HOW", "key"), "disks"))
    made = written(everything(boot_facts, offers, root="disk", disks=layout)).values()
    (text,) = [one for one in made if "luna_core.node.disks" in one]
    assert shellcheck(f"#!/bin/sh\nNEWROOT=/sysroot\n{text}") == ""
    (tmp_path / "lib").write_text(f"luna_request() {{ {answers}; }}\nmodprobe() {{ :; }}\nluna_report() {{ :; }}\n")
    python = tmp_path / "luna-python"
    python.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/arguments\ncat > {tmp_path}/given\n')
    python.chmod(0o755)
    (tmp_path / "script").write_text(text.replace("/run/luna", str(tmp_path)))
    places = {"LUNA_LIB": str(tmp_path / "lib"), "LUNA_URL": URL, "NEWROOT": "/sysroot"}
    done = subprocess.run(
        ["sh", "-eu", tmp_path / "script"],
        stdin=subprocess.DEVNULL,
        env={**places, "PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert (done.returncode == 0) is reaches
    assert (tmp_path / "given").exists() is reaches
    if reaches:
        assert (tmp_path / "given").read_text() == "s3cret"
        assert "s3cret" not in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize("field", ["prescript", "partscript", "postscript"])
def test_a_site_s_text_reaches_its_phase_unchanged(
    boot_facts: Make, offers: MakeOffers, tmp_path: Path, field: str
) -> None:
    """The script is run by a true shell, with luna's own functions replaced by none."""
    (tmp_path / "lib").write_text("luna_phase() { :; }\nluna_report() { :; }\nluna_logged() { :; }\n")
    (tmp_path / "status").mkdir()
    (tmp_path / "status/download").write_text("done\n")
    script = scripts.install_script(URL, boot_facts(**{field: HOSTILE}), offers(), [])
    there = script.replace("/run/luna", str(tmp_path))
    subprocess.run(
        ["sh"], input=there, text=True, check=True, env={"LUNA_LIB": str(tmp_path / "lib"), "PATH": "/usr/bin:/bin"}
    )
    name = "postscript-inside-1" if field == "postscript" else f"{field}-1"
    assert (tmp_path / f"phases/{name}.sh").read_text() == HOSTILE + "\n"
    assert not Path("/pwned").exists()
    assert json.loads((tmp_path / "job.json").read_text())["node"] == "node001"


def test_files_are_written_as_they_are(boot_facts: Make, offers: MakeOffers, tmp_path: Path) -> None:
    name = tmp_path / "etc" / "it's $(touch) `odd`"
    files = [
        NodeFile(path=str(name), content=HOSTILE + "\n", mode=0o640),
        NodeFile(path=str(tmp_path / "etc/link"), content="own\n"),
    ]
    (tmp_path / "etc").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "etc/link").symlink_to(tmp_path / "precious")
    inside = re.search(
        r"<<'(LUNA_\w+)'\n(.*)\n\1", phases(everything(boot_facts, lambda *_: offers()))["setnet"], re.DOTALL
    )
    assert inside
    text = phases(scripts.install_script(URL, boot_facts(), offers(), files))["setnet"]
    written = re.search(r"<<'(LUNA_\w+)'\n(.*)\n\1", text, re.DOTALL)
    assert written
    subprocess.run(["sh", "-eu"], input=written[2], text=True, check=True)
    assert name.read_text() == HOSTILE + "\n"
    assert name.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "etc/link").read_text() == "own\n"


def test_fragments_run_by_rank_and_before_the_site_s_own(boot_facts: Make, offers: MakeOffers) -> None:
    made = offers(
        Postscript(name="late", stage="prescript", text="echo late", rank=90),
        Postscript(name="early", stage="prescript", text="echo early", rank=10),
    )
    text = phases(scripts.install_script(URL, boot_facts(prescript="echo own"), made, []))["prescript"]
    assert re.findall(r"^echo (\w+)", text, re.MULTILINE) == ["early", "late", "own"]


@pytest.mark.parametrize("argument", ["a||b", "console=ttyS0,115200n8", "x=$HOME", "a='b'"])
def test_kernel_arguments_reach_ipxe(boot_facts: Make, offers: MakeOffers, argument: str) -> None:
    facts = boot_facts()
    facts = replace(facts, node=replace(facts.node, kernel_arguments=argument))
    (line,) = (one for one in scripts.boot_script(URL, facts, offers(), "t").splitlines() if one.startswith("kernel"))
    assert line.endswith(f" quiet {argument} || goto failed")


@pytest.mark.parametrize("argument", ["quiet || shell", "a && b", "x=${net0/mac}", "grün", "tab\x01"])
def test_what_ipxe_would_take_for_its_own_is_refused(boot_facts: Make, offers: MakeOffers, argument: str) -> None:
    facts = boot_facts()
    facts = replace(facts, node=replace(facts.node, kernel_arguments=argument))
    with pytest.raises(BadInput, match="node node001: kernel argument"):
        scripts.boot_script(URL, facts, offers(), "t")


def test_the_menu_holds_no_command_of_others() -> None:
    reason = "seen at ${port} || shell\nreboot && x " + "long " * 20 + "--replace"
    menu = scripts.menu_script(
        URL, query="mac=x", free=[], groups=[], naming=True, reason=reason, command="luna node adopt x NODE --replace"
    )
    shown = [line for line in menu.splitlines() if line.startswith("item --gap")]
    assert not re.search(r"[|&]|\$\{port", " ".join(shown))
    assert all(line.startswith("item --gap -- ") for line in shown if line != "item --gap --")
    assert max(map(len, shown)) < 90
    assert "\nreboot" not in menu


def test_every_entry_of_the_menu_leads_somewhere() -> None:
    free = [("node002", "compute"), ("node003", "gpu")]
    menu = scripts.menu_script(
        URL, query="mac=x", free=free, groups=["compute"], naming=True, reason="No.", command="luna node adopt x NODE"
    )
    items = re.findall(r"^item (?!--gap)(\S+)", menu, re.MULTILINE)
    labels = re.findall(r"^:(\S+)", menu, re.MULTILINE)
    wanted = ["again", "group-compute", "node-node002", "node-node003", "name", "service", "local", "shell"]
    assert items == wanted
    assert set(items) | set(re.findall(r"goto ([\w-]+)", menu)) <= set(labels)


def test_without_naming_the_menu_names_nothing() -> None:
    menu = scripts.menu_script(URL, query="mac=x", free=[], groups=[], naming=False, reason="No.", command="")
    assert "/boot/choose" not in menu


def test_the_local_disk_is_booted_unless_service_is_asked_for(boot_facts: Make, offers: MakeOffers) -> None:
    assert "sanboot" in scripts.boot_script(URL, boot_facts(local_boot=True), offers(), "t")
    in_service = scripts.boot_script(URL, boot_facts(local_boot=True, service=True), offers(), "t")
    assert "luna.service=1" in in_service
    assert "sanboot" not in in_service


def test_dhcp_takes_the_place_of_addresses(boot_facts: Make, offers: MakeOffers) -> None:
    fixed = scripts.kernel_arguments(URL, boot_facts(), offers(), "t")
    assert "luna.ip=10.141.0.1/16" in fixed
    assert "luna.gateway=10.141.255.254" in fixed
    dynamic = scripts.kernel_arguments(URL, boot_facts(boot_address="dhcp"), offers(), "t")
    assert [one for one in dynamic if one.startswith(("luna.ip", "luna.gateway"))] == ["luna.ip=dhcp"]


def test_dhcp_is_refused_without_ipv4_for_a_node_asks_for_nothing_else(boot_facts: Make, offers: MakeOffers) -> None:
    asked = boot_facts(boot_address="dhcp")
    boot = asked.node.interface("BOOTIF")
    assert boot
    only = replace(boot.addresses[0], address=ip_interface("fd00:141::1/64"))
    node = replace(asked.node, interfaces=(replace(boot, addresses=(only,)),))
    with pytest.raises(BadInput, match="boot_address: dhcp was given; accepted without IPv4 is static"):
        scripts.kernel_arguments(URL, replace(asked, node=node), offers(), "t")


def test_what_a_node_lacks_is_named(boot_facts: Make, offers: MakeOffers) -> None:
    facts = boot_facts()
    boot, bmc = facts.node.interfaces
    for interfaces, said in (
        ((bmc,), "interface BOOTIF has no MAC; 'luna node change node001 --mac' gives it"),
        ((replace(boot, addresses=()), bmc), "interface BOOTIF has no address"),
    ):
        with pytest.raises(BadInput, match=said):
            scripts.kernel_arguments(
                URL, replace(facts, node=replace(facts.node, interfaces=interfaces)), offers(), "t"
            )
    with pytest.raises(BadInput, match="root: disk was given without a partscript"):
        scripts.install_script(URL, boot_facts(root="disk"), offers(), [])
    torrent = Offers(endpoints=[Endpoint(transport="torrent", url="x")], kernel_arguments=[], postscripts=[])
    with pytest.raises(LunaError, match="is luna-transport-http active"):
        scripts.boot_script(URL, facts, torrent, "t")


def test_the_token_is_in_the_boot_script_only(boot_facts: Make, offers: MakeOffers) -> None:
    assert "luna.session=s3cret" in scripts.boot_script(URL, boot_facts(), offers(), "s3cret")
    assert "session" not in phases(everything(boot_facts, offers)).get("prescript", "")


@pytest.mark.parametrize("end", ["exit 0", "cat > /dev/null", "set +e; cd /; umask 777; IFS=x"])
def test_no_fragment_touches_what_comes_after_it(
    boot_facts: Make, offers: MakeOffers, tmp_path: Path, end: str
) -> None:
    """Run by a true shell, with luna's own functions replaced by those that only run the phase."""
    (tmp_path / "lib").write_text('luna_phase() { [ "$1" != prescript ] || { shift; "$@"; exit; }; }\n')
    fragment = Postscript(name="rash", stage="prescript", text=end)
    own = f"umask > {tmp_path}/own; false; echo went on >> {tmp_path}/own"
    script = scripts.install_script(URL, boot_facts(prescript=own), offers(fragment), [])
    done = subprocess.run(
        ["sh", "-c", script.replace("/run/luna", str(tmp_path))],
        input="not for scripts",
        text=True,
        env={"LUNA_LIB": str(tmp_path / "lib"), "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 1
    assert (tmp_path / "own").read_text() == "0022\n"


@pytest.mark.parametrize(
    ("holds", "said"), [("nothing", "nothing mounted"), ("no system", "there is no"), ("init", "")]
)
def test_the_last_phase_fails_where_no_system_could_be_started(
    boot_facts: Make, offers: MakeOffers, tmp_path: Path, holds: str, said: str
) -> None:
    text = phases(everything(boot_facts, offers))["finish"].replace("/run/luna", str(tmp_path / "run"))
    root = tmp_path / "root"
    (root / "sbin").mkdir(parents=True)
    prepare = "" if holds == "nothing" else 'mount --bind "$NEWROOT" "$NEWROOT"\n'
    if holds == "init":
        (root / "sbin/init").symlink_to("/usr/lib/systemd/systemd")
        (root / "etc/ssh").mkdir(parents=True)
        (root / "etc/ssh/ssh_host_ed25519_key.pub").write_text("ssh-ed25519 AAAA\n")
    own = f"mkdir -p {tmp_path}/run/work\nmount --bind {tmp_path}/run/work {tmp_path}/run/work\n"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-eu"],
        input=prepare + own + text,
        text=True,
        capture_output=True,
        env={"NEWROOT": str(root), "PATH": os.environ["PATH"]},
    )
    assert (done.returncode, said in done.stdout) == (1 if said else 0, True), done.stderr
    assert said or (tmp_path / "run/finish.note").read_text() == "ssh-ed25519 AAAA\n"


@pytest.mark.parametrize("attempts", [0, 12])
def test_a_node_is_told_after_how_many_failures_to_boot_anew(
    boot_facts: Make, offers: MakeOffers, attempts: int
) -> None:
    facts = boot_facts()
    cluster = replace(facts.node.cluster, settings={"boot.attempts": attempts})
    facts = replace(facts, node=replace(facts.node, cluster=cluster))
    assert f"luna.attempts={attempts}" in scripts.kernel_arguments(URL, facts, offers(), "t")
