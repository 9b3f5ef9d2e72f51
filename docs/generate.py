"""Writes the reference pages of the plugin contract from its own source: `python docs/generate.py`."""

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent

DOCS = Path(__file__).parent
CORE = DOCS.parent / "luna_core"
NOTE = "<!-- Written by docs/generate.py from {}: change that and run it again. -->"


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    return {
        DOCS / "reference/hooks.md": "\n".join(_hooks()),
        DOCS / "reference/records.md": "\n".join(_records()),
        DOCS / "reference/drivers.md": "\n".join(_drivers()),
    }


def _hooks() -> Iterator[str]:
    source, module = _parsed("hookspecs.py")
    yield from ("# Hooks", "", NOTE.format("luna_core/hookspecs.py"), "", _fenced(module), "")
    for function in module.body:
        if isinstance(function, ast.FunctionDef):
            says, example = _docstring(function)
            call = _one_line(function.args)
            yield from (f"## {function.name}", "", _code(_signature(source, function)), "", says, "")
            yield from (_code(f"@hookimpl\ndef {function.name}({call}):\n{indent(example, '    ')}"), "")


def _records() -> Iterator[str]:
    source, module = _parsed("types.py")
    yield from ("# Records", "", NOTE.format("luna_core/types.py"), "", _fenced(module), "")
    for record in module.body:
        if isinstance(record, ast.ClassDef):
            yield from (f"## {record.name}", "", _docstring(record)[0], "", *_fields(source, record))


def _drivers() -> Iterator[str]:
    source, module = _parsed("interfaces.py")
    yield from ("# Drivers", "", NOTE.format("luna_core/interfaces.py"), "", _fenced(module), "")
    for driver in module.body:
        if isinstance(driver, ast.ClassDef):
            yield from (f"## {driver.name}", "", _docstring(driver)[0], "", *_fields(source, driver))
            for method in driver.body:
                if isinstance(method, ast.FunctionDef):
                    yield from _method(source, driver, method)


def _fields(source: str, documented: ast.ClassDef) -> list[str]:
    fields = [one for one in documented.body if isinstance(one, ast.AnnAssign | ast.Assign)]
    lines = [ast.get_source_segment(source, one) or "" for one in fields]
    return [_code("\n".join(lines)), ""] if lines else []


def _method(source: str, driver: ast.ClassDef, method: ast.FunctionDef) -> Iterator[str]:
    says, example = _docstring(method)
    must = any(isinstance(one, ast.Name) and one.id == "abstractmethod" for one in method.decorator_list)
    yield from (f"### {driver.name}.{method.name}", "", _code(_signature(source, method)), "", says, "")
    if method.name != "__init__":
        yield from ("Every driver has it." if must else "It has a default.", "")
    if example:
        yield from (_code(f"def {method.name}({_one_line(method.args)}):\n{indent(example, '    ')}"), "")


def _parsed(name: str) -> tuple[str, ast.Module]:
    source = (CORE / name).read_text()
    return source, ast.parse(source)


def _signature(source: str, function: ast.FunctionDef) -> str:
    lines = source.splitlines()[function.lineno - 1 : function.body[0].lineno - 1]
    return dedent("\n".join(lines)).removesuffix(":")


def _one_line(arguments: ast.arguments) -> str:
    """The arguments without their types, as a plugin may write them."""
    bare = ast.parse(f"def f({ast.unparse(arguments)}): ...").body[0]
    for argument in (one for one in ast.walk(bare) if isinstance(one, ast.arg)):
        argument.annotation = None
    return ast.unparse(bare).splitlines()[0].removeprefix("def f(").removesuffix("):")


def _docstring(documented: ast.FunctionDef | ast.ClassDef) -> tuple[str, str]:
    says, _, example = (ast.get_docstring(documented) or "").partition("Example:\n")
    return says.strip(), dedent(example)


def _fenced(module: ast.Module) -> str:
    """The module's docstring, with what is indented in it as code."""
    text = ast.get_docstring(module) or ""
    code = "\n\n".join(paragraph for paragraph in text.split("\n\n") if paragraph.startswith("    "))
    return text.replace(code, _code(dedent(code))) if code else text


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
