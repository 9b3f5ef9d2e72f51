"""What the drivers' scripts that install a boot loader begin with: shell functions that every distribution needs."""

from importlib.resources import files

FUNCTIONS = files("luna_core.distro").joinpath("templates/boot-loader.sh").read_text()
"""luna_disks, luna_on_each_esp, luna_boot_entries, luna_root, luna_root_arguments, luna_root_needs; see the file."""
