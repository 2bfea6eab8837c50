"""Plain words in code and documents: see CONTRIBUTING.md."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
#: Files that are read; `build/` and environments are not part of the repository.
ENDINGS = {".py", ".md", ".toml", ".cfg", ".sh", ".yaml", ".yml", ".xml", ".in", ".txt", ".rviz"}
NOT_OURS = {"build", "install", "log", "site-packages"}
#: Code computes, returns and publishes; it does not speak. "Right again" is "recovered", and so on.
IDIOMS = re.compile(
    r"(?<!\.)\b(tells?|told|telling|says?|said|saying)\b"
    r"|\bright again\b|\bhangs? on\b|\bof what it missed\b|\bnobody knows\b",
    re.IGNORECASE,
)
#: The one place that names them.
EXCEPTIONS = {"test/test_plain_words.py", "CONTRIBUTING.md"}
#: A docstring starts with a verb or a noun.
QUESTION_WORDS = {"What", "Whether", "Of", "As", "How", "Where", "Which", "When"}


@cache
def files() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.startswith(".")]
        paths = (Path(folder, name) for name in names if not name.startswith("."))
        found += [path for path in paths if path.suffix in ENDINGS or path.name == "Makefile"]
    return found


def idioms(text: str) -> list[str]:
    """Lines with an idiom, with their numbers."""
    return [f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if IDIOMS.search(line)]


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield getattr(node, "lineno", 1), docstring


def test_no_idioms_of_speech() -> None:
    read = ((path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")) for path in files())
    found = [f"{name}:{line}" for name, text in read if name not in EXCEPTIONS for line in idioms(text)]
    assert not found, f"{len(found)} idioms; CONTRIBUTING.md has the terms to use:\n" + "\n".join(found)


def test_docstrings_start_with_a_verb_or_a_noun() -> None:
    found = []
    for path in files():
        if path.suffix != ".py":
            continue
        for line, docstring in docstrings(path.read_text(encoding="utf-8")):
            if docstring.split()[0] in QUESTION_WORDS:
                found.append(f"{path.relative_to(REPOSITORY)}:{line}: {docstring.splitlines()[0]}")
    assert not found, f"{len(found)} docstrings:\n" + "\n".join(found)


@pytest.mark.parametrize("line", ["The features tell the error.", "as said above", "it is right again", "Says who"])
def test_idioms_are_found(line: str) -> None:
    assert idioms(line)


def test_words_that_contain_an_idiom_are_not_found() -> None:
    assert not idioms("a storyteller, an essay; satellites, saidian")
