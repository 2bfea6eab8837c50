"""Tests of the API pages of the site: every public module is on one page, every page is in the navigation."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rooms() -> list[Any]:
    """Packages and sub-packages of the API pages."""
    spec = importlib.util.spec_from_file_location("api_pages", ROOT / "docs" / "api_pages.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module.packages(ROOT)


def uris(nav: list[Any]) -> Iterator[str]:
    """Pages of a navigation."""
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values():
                yield from uris(below)


@pytest.mark.parametrize("package", ["vlocnet_ros", "dmn_ros", "localization_common"])
def test_public_modules_are_on_one_page(rooms: list[Any], package: str) -> None:
    top = next(room for room in rooms if room.name == package)
    files = [f for f in (ROOT / package).rglob("*.py") if not any(p.startswith("_") for p in f.relative_to(ROOT).parts)]
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    pages = "".join(room.page for room in top.all()).splitlines()
    assert {name: pages.count(f"::: {name}") for name in modules} == dict.fromkeys(modules, 1)


def test_pages_are_in_the_navigation_once(rooms: list[Any]) -> None:
    assert list(uris([room.nav for room in rooms])) == [room.uri for top in rooms for room in top.all()]


def test_tests_are_not_documented(rooms: list[Any]) -> None:
    assert "test" not in [room.name for room in rooms]
