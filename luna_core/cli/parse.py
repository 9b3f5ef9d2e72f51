"""Addresses, networks and ranges from the command line."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from luna_core.errors import BadInput

if TYPE_CHECKING:
    from luna_core.model import AddressRange
    from luna_core.types import IPAddress

T = TypeVar("T")


class FieldParameter(click.ParamType[T], Generic[T]):
    """A value of one of the model's field types, such as `Address`; its error says what is accepted."""

    def __init__(self, name: str, field_type: str) -> None:
        self.name = name
        self._field_type = field_type

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """The value; raises BadInput."""
        from pydantic import TypeAdapter, ValidationError

        from luna_core.model import fields

        try:
            made: T = TypeAdapter(getattr(fields, self._field_type)).validate_python(value)
        except ValidationError as error:
            accepted = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise BadInput(f"{_title(param)}: {value!r} was given; {accepted}.") from None
        return made


class RangeParameter(click.ParamType["AddressRange"]):
    """`FIRST-LAST`, or one address."""

    name = "FIRST-LAST"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "AddressRange":
        """The range; raises BadInput."""
        from pydantic import ValidationError

        from luna_core.model import AddressRange

        first, _, last = str(value).partition("-")
        try:
            return AddressRange.model_validate({"first": first, "last": last or first})
        except ValidationError as error:
            accepted = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise BadInput(
                f"{_title(param)}: {value!r} was given; {accepted}, or two joined by '-', the lower first."
            ) from None


ADDRESS: "FieldParameter[IPAddress]" = FieldParameter("ADDRESS", "Address")


def _title(param: click.Parameter | None) -> str:
    if param is None:
        return "address"
    return param.opts[0] if isinstance(param, click.Option) else str(param.name)
