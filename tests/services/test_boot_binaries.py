from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.services import boot_binaries
from luna_core.services.boot_binaries import install_boot_files
from luna_core.testing import facts


def test_boot_files_come_from_packages_but_a_site_s_own_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged, served = tmp_path / "packaged.efi", tmp_path / "tftp"
    packaged.write_text("packaged")
    sources = {"snponly.efi": ("/no/such/file", str(packaged)), "undionly.kpxe": (str(packaged),)}
    monkeypatch.setattr(boot_binaries, "PACKAGED", sources)
    cluster = replace(facts.cluster(), settings={"tftp.directory": str(served)})
    served.mkdir()
    (served / "undionly.kpxe").write_text("the site's own")

    assert install_boot_files(cluster) == ["ipxe-arm64.efi"]
    assert (served / "snponly.efi").read_text() == "packaged"
    assert (served / "undionly.kpxe").read_text() == "the site's own"
    assert sorted(path.name for path in served.iterdir()) == ["snponly.efi", "undionly.kpxe"]
