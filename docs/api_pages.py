"""API pages of the site: one for each package and sub-package found in the repository, made from its docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Folders that are packages to Python, but no part of the API.
_NOT_API = ("test",)
_HEAD = """# {name}

::: {name}
    options:
      show_root_heading: false
      show_root_toc_entry: false
      members: false
"""
_MODULE = """
::: {name}
"""


@dataclass(frozen=True)
class PackageRoom:
    """A package or a sub-package.

    Attributes:
        name: with dots.
        folder: where its modules are.
    """

    name: str
    folder: Path

    @property
    def modules(self) -> list[str]:
        """Full names of its public modules."""
        return [f"{self.name}.{file.stem}" for file in sorted(self.folder.glob("[!_]*.py"))]

    @property
    def rooms(self) -> list[PackageRoom]:
        """Its sub-packages that hold public modules, directly or further down."""
        return [room for room in _rooms(self.folder, f"{self.name}.") if room.modules or room.rooms]

    @property
    def uri(self) -> str:
        """Path of its page, from the site's root."""
        return f"api/{self.name.replace('.', '/')}/index.md"

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        docstring = ast.get_docstring(ast.parse((self.folder / "__init__.py").read_text())) or ""
        return docstring.partition("\n")[0]

    @property
    def page(self) -> str:
        """Markdown for mkdocstrings: the package's docstring, then each module."""
        return _HEAD.format(name=self.name) + "".join(_MODULE.format(name=name) for name in self.modules)

    @property
    def nav(self) -> dict[str, list[Any]]:
        """Entry of the navigation; its first page is the room's own."""
        return {self.name.rpartition(".")[2]: [self.uri, *(room.nav for room in self.rooms)]}

    def all(self) -> Iterator[PackageRoom]:
        """Itself and all rooms below."""
        yield self
        for room in self.rooms:
            yield from room.all()


def packages(root: Path) -> list[PackageRoom]:
    """Top packages of a repository."""
    return [room for room in _rooms(root, "") if room.name not in _NOT_API]


def overview(rooms: list[PackageRoom]) -> str:
    """Markdown of the first API page: a table of all packages."""
    rows = [
        f"| [{room.name}]({room.uri.removeprefix('api/')}) | {room.summary} |" for top in rooms for room in top.all()
    ]
    return "\n".join(
        [
            "# API",
            "",
            "These pages are made from the docstrings. A name such as `map_T_base` is a transform: it maps coordinates",
            "of the base frame to coordinates of the map frame.",
            "",
            "| package | |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _rooms(folder: Path, prefix: str) -> list[PackageRoom]:
    return [PackageRoom(prefix + found.parent.name, found.parent) for found in sorted(folder.glob("*/__init__.py"))]
