"""Self-contained HTML file: it opens anywhere and makes no network request."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from localization_common.report.html_parts import HtmlPart

# With this policy the browser refuses all requests, also those of the embedded plotting library.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

_STYLE = """
:root { color-scheme: light; --ink: #1f2933; --muted: #616e7c; --line: #d9dee4; --good: #00664d; --bad: #a03300; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: #fff; color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.15rem; }
p { margin: .25rem 0 .75rem; max-width: 44rem; }
.lead, figcaption, .note { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--muted); font-size: .85rem; }
td.value { text-align: right; white-space: nowrap; font-weight: 600; }
th.value { text-align: right; }
td.value + td, th.value + th { padding-left: 1.5rem; }
.group td { padding-top: 1.1rem; font-weight: 600; border-bottom-color: var(--muted); }
.met { color: var(--good); } .missed { color: var(--bad); }
figure { margin: 1rem 0 1.5rem; }
figure img { display: block; max-width: 100%; height: auto; }
figure svg { display: block; width: 100%; min-width: 30rem; height: auto; }
.alert { padding: .7rem .9rem; border-left: 4px solid var(--bad); background: #fdf1ec; color: var(--bad);
  font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin-top: .5rem; font-size: .9rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; border-radius: 50%; }
ol { padding-left: 1.4rem; max-width: 46rem; } li { margin: .35rem 0; }
figcaption { font-size: .9rem; margin-top: .35rem; max-width: 44rem; }
.plot { width: 100%; }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--muted);
  font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 34rem) { body { padding: 1.25rem .9rem 3rem; font-size: 15px; } h1 { font-size: 1.4rem; }
  td.value + td, th.value + th { padding-left: .75rem; } th, td { padding-right: .4rem; } }
"""


@dataclass(frozen=True)
class Row:
    """Line of a table: name, value as text, remark, and True if an aim was met (None without an aim)."""

    name: str
    value: str
    remark: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class ValueTable:
    """Table of values: rows under group headings."""

    groups: Sequence[tuple[str, Sequence[Row]]]


@dataclass(frozen=True)
class Picture:
    """Picture with a caption.

    Attributes:
        png: bytes of a PNG file.
        caption: text below it, also for readers who cannot see the picture.
        least_width: width in pixels below which the page scrolls the picture, so that its text stays legible.
    """

    png: bytes
    caption: str
    least_width: int = 0


@dataclass(frozen=True)
class Section:
    """Section of the page: heading, a sentence of explanation, and parts in order."""

    title: str
    text: str = ""
    parts: Sequence[ValueTable | Picture | HtmlPart | go.Figure] = field(default_factory=tuple)


def write_report(path: str | Path, *, title: str, lead: str, sections: Sequence[Section], footer: str = "") -> None:
    """Write the page; plotly's program is inlined once, and only when a section holds a plot of it."""
    plots = any(isinstance(part, go.Figure) for section in sections for part in section.parts)
    body = "\n".join(_section(section, number) for number, section in enumerate(sections))
    script = f"<script>{get_plotlyjs()}</script>" if plots else ""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n{script}\n</head>\n<body>\n"
        f'<h1>{html.escape(title)}</h1>\n<p class="lead">{html.escape(lead)}</p>\n{body}\n'
        f"<footer>{html.escape(footer)}</footer>\n</body>\n</html>\n"
    )
    Path(path).write_text(page, encoding="utf-8")


def _section(section: Section, number: int) -> str:
    parts = "\n".join(_part(part, f"plot-{number}-{i}") for i, part in enumerate(section.parts))
    text = f"<p>{html.escape(section.text)}</p>" if section.text else ""
    return f"<section>\n<h2>{html.escape(section.title)}</h2>\n{text}\n{parts}\n</section>"


def _part(part: ValueTable | Picture | HtmlPart | go.Figure, name: str) -> str:
    if isinstance(part, HtmlPart):
        return part.html()
    if isinstance(part, ValueTable):
        return _table(part)
    if isinstance(part, Picture):
        data, caption = base64.b64encode(part.png).decode("ascii"), html.escape(part.caption)
        style = f' style="max-width:none;width:max(100%,{part.least_width}px)"' if part.least_width else ""
        image = f'<div class="scroll"><img alt="{caption}"{style} src="data:image/png;base64,{data}"></div>'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    config = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
    plot: str = part.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config)
    return f'<div class="plot">{plot}</div>'


def _table(table: ValueTable) -> str:
    lines = ['<div class="scroll"><table>']
    lines.append('<tr><th>Quantity</th><th class="value">Value</th><th>Remark</th></tr>')
    for heading, rows in table.groups:
        lines.append(f'<tr class="group"><td colspan="3">{html.escape(heading)}</td></tr>')
        lines += [_row(row) for row in rows]
    return "\n".join([*lines, "</table></div>"])


def _row(row: Row) -> str:
    verdict = "" if row.met is None else ("met" if row.met else "missed")
    mark = {"": "", "met": " ✓", "missed": " ✗"}[verdict]
    value = f'<td class="value {verdict}">{html.escape(row.value)}{mark}</td>'
    return f"<tr><td>{html.escape(row.name)}</td>{value}<td>{html.escape(row.remark)}</td></tr>"
