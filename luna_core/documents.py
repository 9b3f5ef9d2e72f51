"""YAML as luna reads and writes it: the core schema of YAML 1.2, in which 52:54:00:12:34:56 and `no` are texts."""

import re
from typing import Any

import yaml

from luna_core.errors import BadInput

_PLAIN = (
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"]),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"),
        list("-+0123456789"),
    ),
)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # its base is chosen at run time
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := _twice(keys):
            raise yaml.MarkedYAMLError(problem=f"{min(twice)!r} is there twice", problem_mark=node.start_mark)
        return dict(super().construct_mapping(node, deep))


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes what a reader of YAML 1.1, as Ansible is, would take for no text: there 52:54:00:00:00:01 is a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _twice(keys: list[str]) -> set[str]:
    seen: set[str] = set()
    return {key for key in keys if key in seen or seen.add(key)}  # type: ignore[func-returns-value]


def _text(dumper: Any, text: str) -> Any:
    style = (
        "|" if "\n" in text and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]| \n", text) else None
    )
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _tag, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """`value` as YAML, keys in their own order, texts of several lines as blocks."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def load(text: str, title: str) -> Any:
    """What a YAML text holds; raises BadInput that names `title`, line and column."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error).split("\n")[0] or "it is nested too deeply"
        raise BadInput(f"{title}{where}: {what}; accepted is YAML 1.2 or JSON.") from error
