"""What `luna plugin new` writes overrides as the contract says; test_installed.py installs it and runs its tests."""

import inspect
import runpy
from pathlib import Path

import pytest

from luna_core.interfaces import DRIVERS
from luna_core.scaffold import DRIVER_KINDS, create


@pytest.mark.parametrize("kind", DRIVER_KINDS)
def test_a_new_driver_has_the_contract_s_signatures(kind: str, tmp_path: Path) -> None:
    project = create("lamp", kind, tmp_path / kind)
    base = DRIVERS[f"luna.{kind}"]
    module = runpy.run_path(str(project / f"src/luna_{kind}_lamp/driver.py"))
    (driver,) = (one for one in module.values() if inspect.isclass(one) and issubclass(one, base) and one is not base)
    overridden = [name for name in vars(driver) if name in vars(base) and inspect.isfunction(vars(driver)[name])]
    assert len(overridden) >= 3
    for name in overridden:
        assert inspect.signature(vars(driver)[name]) == inspect.signature(vars(base)[name]), name
