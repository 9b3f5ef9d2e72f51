"""The options of an osimage, of which each driver reads its own."""

from collections.abc import Sequence

from luna_core.errors import BadInput, did_you_mean
from luna_core.types import Image


def refuse_unknown(image: Image, known: Sequence[str]) -> None:
    """Raise BadInput for an option that the driver doesn't read: a misspelt one would count for nothing."""
    for name in image.options:
        if name not in known:
            accepted = ", ".join(known)
            raise BadInput(
                f"osimage {image.name}: options: {name}: there is no such option; accepted are {accepted}."
                f"{did_you_mean(name, known)} 'luna osimage change {image.name} --option {name}=' takes it away."
            )
