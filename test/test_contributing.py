"""CONTRIBUTING.md names modules, classes and files that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: Beginnings of module names that the glossary leaves out.
PREFIXES = ("", "vlocnet_ros.", "dmn_ros.")
PATHS = sorted({*re.findall(r"`([\w./]+/[\w.]*)`", TEXT)} - {"commands/NAME.py", "../shared/data"})
MODULES = sorted({*re.findall(r"`((?:\w+\.){2,}\w+)`", TEXT)})


@pytest.mark.parametrize("path", PATHS)
def test_paths_exist(path: str) -> None:
    assert (REPOSITORY / path).exists() or list(REPOSITORY.glob(f"*/{path}"))


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_classes_exist(name: str) -> None:
    assert any(found(prefix + name) for prefix in PREFIXES)


def found(name: str) -> bool:
    """True if a module, or a name in one, can be imported."""
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ImportError:
        try:
            return hasattr(importlib.import_module(module), attribute)
        except ImportError:
            return False
    return True


def test_the_glossary_and_the_answers_are_found() -> None:
    assert len(PATHS) > 10
    assert len(MODULES) > 10
    assert not found("vlocnet_ros.runtime.integrity.nothing")
