"""`luna bmcsetup`, and the verbs that an osimage shares with all kinds."""

from luna_core.cli.objects import Kind, object_group

osimage = object_group(
    Kind(name="osimage", columns=("name", "path", "distro", "latest", "kernel_version", "comment")),
    "Operating system trees that nodes boot.",
)
bmcsetup = object_group(
    Kind(name="bmcsetup", columns=("name", "driver", "user", "password", "comment")),
    "How BMCs are set up and used.",
)
