"""The one setting that BIND has of its own."""

from luna_core.types import Setting

DNSSEC_VALIDATION = Setting(
    name="dns.dnssec_validation",
    default="auto",
    help="Whether BIND validates what forwarders answer; no, for forwarders that know no DNSSEC.",
    choices=("auto", "no"),
)
