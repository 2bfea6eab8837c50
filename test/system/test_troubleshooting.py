"""Tests of docs/troubleshooting.md: the programs contain the quoted messages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("deep_localization", "dmn_ros", "launch", "localization_common", "localization_sim", "vlocnet_ros")
PAGE = ROOT / "docs" / "troubleshooting.md"


def texts() -> str:
    """Collect all string literals of the packages, one in a line, and the texts of the set-up scripts."""
    found = [script.read_text() for script in (ROOT / "requirements").glob("*.sh")]
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            found += [_constant_parts(node) for node in ast.walk(ast.parse(file.read_text()))]
    return "\n".join(found)


def quotes() -> list[str]:
    """Collect the code in the first column of the page's tables."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and " | " in line]
    cells = [row.split(" | ")[0] for row in rows]
    return [quote for cell in cells if re.match(r"\| `.*`$", cell) for quote in re.findall(r"`([^`]+)`", cell)]


def _constant_parts(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "\0".join(part.value for part in node.values if isinstance(part, ast.Constant))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_quoted_messages_are_in_the_sources() -> None:
    sources = texts()
    stale = [
        quote for quote in quotes() if any(part.strip() and part.strip() not in sources for part in quote.split("..."))
    ]
    assert stale == [], "docs/troubleshooting.md quotes messages that nothing prints any more"


def test_the_page_quotes_messages_of_every_package() -> None:
    assert len(quotes()) > 100
