"""An osimage's life: its tree is built or imported, packed into versions, published, rolled back, deleted."""

from luna_core.operations.images.build import Made, build, import_tree
from luna_core.operations.images.objects import clone_image, delete_image
from luna_core.operations.images.pack import PackResult, pack_image
from luna_core.operations.images.versions import delete_version, keep, list_versions, roll_back, sweep

__all__ = [
    "Made",
    "PackResult",
    "build",
    "clone_image",
    "delete_image",
    "delete_version",
    "import_tree",
    "keep",
    "list_versions",
    "pack_image",
    "roll_back",
    "sweep",
]
