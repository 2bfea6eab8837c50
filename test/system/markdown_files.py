"""Markdown files of the repository, split into text and code blocks; anchors as a code host makes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "models/*.md", "examples/*.md")

FENCE = re.compile(r"^\s*(```+|~~~+)\s*([\w+-]*)")
CODE_SPAN = re.compile(r"(`+)(.+?)\1")
INLINE_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^\s*\[[^\]]+\]:\s*(\S+)")
HTML_LINK = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
ID = re.compile(r"<\w+\b[^>]*?\b(?:id|name)=\"([^\"]+)\"")


@dataclass(frozen=True)
class Block:
    """Fenced block of code: its language, the number of its first line, its lines."""

    language: str
    first: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Document:
    """Markdown file: numbered lines outside code blocks, and the blocks."""

    path: Path
    text: tuple[tuple[int, str], ...]
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, path: Path) -> Document:
        text, blocks = [], []
        fence, language, first, inside = "", "", 0, []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            found = FENCE.match(line)
            if not fence and found:
                fence, language, first, inside = found[1], found[2], number + 1, []
            elif fence and line.strip() == fence:
                blocks.append(Block(language, first, tuple(inside)))
                fence = ""
            elif fence:
                inside.append(line)
            else:
                text.append((number, line))
        if fence:
            raise ValueError(f"{path}:{first - 1}: the block of code has no end")
        return cls(path, tuple(text), tuple(blocks))

    def links(self) -> Iterator[tuple[int, str]]:
        """Line and target of each link and picture, but not those in code."""
        for number, line in self.text:
            plain = CODE_SPAN.sub("", line)
            for pattern in (INLINE_LINK, DEFINITION, HTML_LINK):
                for target in pattern.findall(plain):
                    yield number, target

    def code_spans(self) -> Iterator[tuple[int, str]]:
        """Line and content of each piece of code within the text."""
        for number, line in self.text:
            for _, code in CODE_SPAN.findall(line):
                yield number, code.strip()

    def anchors(self) -> set[str]:
        """Names that a link can point to within this file."""
        seen: Counter[str] = Counter()
        found = set()
        for _, line in self.text:
            found.update(ID.findall(line))
            if heading := re.match(r"#{1,6}\s+(.*?)\s*#*$", line):
                name = slug(heading[1])
                found.add(f"{name}-{seen[name]}" if seen[name] else name)
                seen[name] += 1
        return found


def slug(heading: str) -> str:
    """Anchor of a heading: small letters, no punctuation, a hyphen for each blank."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def documents() -> list[Path]:
    """List the Markdown files for readers, without the sources of pages, whose links are relative to the pages."""
    sources = ROOT / "docs" / "results"
    return sorted({path for pattern in PLACES for path in ROOT.glob(pattern) if path.parent != sources})
