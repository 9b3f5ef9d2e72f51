"""The settings of this plugin."""

from collections.abc import Iterable

from luna_core.hookspecs import hookimpl
from luna_core.types import Setting
from luna_dns_bind.settings import DNSSEC_VALIDATION


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """Whether answers of the forwarders are validated."""
    return [DNSSEC_VALIDATION]
