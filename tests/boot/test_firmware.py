"""A driver that can't do without firmware is in an initramfs only where the tree has that."""

from pathlib import Path

import pytest

from luna_core.run import run

MODULE = Path(__file__).parents[2] / "dracut/95luna/module-setup.sh"

# What dracut gives its modules; the drivers are asked for as one directory, but for those that are left out.
DRACUT = """
initdir=$1 dracutsysrootdir=$1 libdirs=
find_binary() { return 1; }
instmods() { echo "$omit_drivers"; }
. "$2"
installkernel
"""


def left_out(tree: Path) -> set[str]:
    """The drivers whose names the regular expression that dracut gets has as they are."""
    (tree / "lib/modules").mkdir(parents=True)
    patterns = run(["bash", "-c", DRACUT, "bash", tree, MODULE]).strip().split("|")
    return {pattern.strip("^$") for pattern in patterns}


@pytest.mark.parametrize("file", ["qed/qed_init_values_zipped-8.59.1.0.bin", "updates/qed/qed_init_values.bin.xz"])
def test_a_driver_stays_whose_firmware_the_tree_has(tmp_path: Path, file: str) -> None:
    place = tmp_path / "lib/firmware" / file
    place.parent.mkdir(parents=True)
    place.touch()
    assert not {"qed", "qede"} & left_out(tmp_path)


def test_a_driver_goes_whose_firmware_the_tree_does_not_have(tmp_path: Path) -> None:
    assert {"bna", "bnx2", "bnx2x", "qed", "qede"} <= left_out(tmp_path)
