"""The nodes of a cluster by what is known of them, from dictionaries."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from luna_core.interfaces import NodeNames


@dataclass(frozen=True, kw_only=True)
class FakeNodeNames(NodeNames):
    """Answers from what it was made with: names of nodes by MAC, serial and asset tag."""

    macs: Mapping[str, str] = field(default_factory=dict)
    serials: Mapping[str, str] = field(default_factory=dict)
    asset_tags: Mapping[str, str] = field(default_factory=dict)

    def with_mac(self, mac: str) -> str | None:
        """The node listed for this MAC."""
        return self.macs.get(mac)

    def with_serial(self, serial: str) -> str | None:
        """The node listed for this serial number."""
        return self.serials.get(serial)

    def with_asset_tag(self, asset_tag: str) -> str | None:
        """The node listed for this asset tag."""
        return self.asset_tags.get(asset_tag)
