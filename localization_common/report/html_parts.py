"""Parts of the HTML report besides tables, pictures and plots: warnings, numbered sentences, drawings."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field


class HtmlPart(ABC):
    """Part of a section that writes itself."""

    @abstractmethod
    def html(self) -> str:
        """Return the part as HTML."""


@dataclass(frozen=True)
class Alert(HtmlPart):
    """Warning that no reader must miss."""

    text: str

    def html(self) -> str:
        """Return a box with the text."""
        return f'<p class="alert" role="alert">{html.escape(self.text)}</p>'


@dataclass(frozen=True)
class NumberedSentences(HtmlPart):
    """Sentences with numbers from 1."""

    sentences: Sequence[str]

    def html(self) -> str:
        """Return a list."""
        return "<ol>" + "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.sentences) + "</ol>"


@dataclass(frozen=True)
class Drawing(HtmlPart):
    """Drawing as SVG, with a legend of (colour, name) and a caption."""

    svg: str
    caption: str
    legend: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def html(self) -> str:
        """Return a figure."""
        names = "".join(
            f'<span><i style="background:{html.escape(color)}"></i>{html.escape(name)}</span>'
            for color, name in self.legend
        )
        legend = f'<div class="legend">{names}</div>' if names else ""
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>"
        return f'<figure><div class="scroll">{self.svg}</div>{legend}{caption}</figure>'
