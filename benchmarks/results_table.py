"""``python benchmarks/results_table.py``: renders ``docs/results.md`` from ``docs/results/*.json``.

No number in that page is typed by hand; a test compares the page with the files. What is to be said about a result
beforehand, such as how its data and checkpoint were made, is read from a ``.md`` file of the same name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark_file import BenchmarkFile
from deep_localization.evaluation import metrics_summary
from deep_localization.evaluation.result_file import ResultFile
from localization_common.errors import DatasetError, LocalizationError
from localization_common.report.html import Row

DOCS = Path(__file__).resolve().parents[1] / "docs"

_HEAD = """# Results

Every table is rendered by `python benchmarks/results_table.py` from the file in `docs/results/` that is named
beside it, which the command above the table wrote; no number is typed by hand. The quantities are defined in
`deep_localization/evaluation/scoring.py`, segments of odometry in `localization_common/metrics/trajectories.py`.
A commit followed by `+` had uncommitted changes in its working tree.
"""


@dataclass(frozen=True)
class Entry:
    """A result file's name, its content, and what is to be said beforehand (Markdown)."""

    name: str
    result: ResultFile | BenchmarkFile
    introduction: str = ""


def render(entries: Sequence[Entry]) -> str:
    """The page, as Markdown."""
    return "\n".join([_HEAD, *(_section(entry) for entry in entries)])


def read_all(folder: Path) -> list[Entry]:
    """All results of a folder, by name."""
    entries = []
    for path in sorted(folder.glob("*.json")):
        said = path.with_suffix(".md")
        introduction = said.read_text(encoding="utf-8") if said.is_file() else ""
        entries.append(Entry(path.name, _read(path), introduction.strip()))
    return entries


def _read(path: Path) -> ResultFile | BenchmarkFile:
    try:
        benchmark = "tables" in json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path}: no JSON ({error}); make it again") from error
    return BenchmarkFile.read(path) if benchmark else ResultFile.read(path)


def _section(entry: Entry) -> str:
    result = entry.result
    lines = [f"## {result.title}", ""]
    if entry.introduction:
        lines += [entry.introduction, ""]
    commit = f" at commit `{result.commit}`" if result.commit else ""
    lines += [f"`results/{entry.name}` was written{commit} by", "", "```", result.command, "```", ""]
    if isinstance(result, BenchmarkFile):
        for table in result.tables:
            lines += [f"**{table.title}**", "", table.markdown(), ""]
        lines += [f"- {name}: {text}" for name, text in result.notes.items()]
        lines.append(f"- machine: {', '.join(f'{name} {value}' for name, value in result.machine.items())}")
        return "\n".join([*lines, ""])
    lines += ["| quantity | value | aim | |", "|---|---:|---|---|"]
    for heading, group in metrics_summary.rows(result.metrics, result.aims):
        lines.append(f"| **{heading}** | | | |")
        lines += [_line(row) for row in group]
    if result.baselines:
        lines += ["", "| for comparison, on the same frames | median position | median rotation |", "|---|---:|---:|"]
        lines += [f"| {b.name} | {b.median_m:.3f} m | {b.median_deg:.2f} deg |" for b in result.baselines]
    if result.notes:
        lines += ["", *(f"- {name}: {text}" for name, text in result.notes.items())]
    return "\n".join([*lines, ""])


def _line(row: Row) -> str:
    remark, _, aim = row.remark.rpartition("aim: ") if row.met is not None else (row.remark, "", "")
    verdict = {None: "", True: "met", False: "**missed**"}[row.met]
    name = f"{row.name} ({remark.rstrip('; ')})" if remark else row.name
    return f"| {name} | {row.value} | {aim} | {verdict} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with ``--check`` say whether it is up to date."""
    parser = argparse.ArgumentParser(description="Render docs/results.md from docs/results/*.json.")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of results.md and results/")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not up to date")
    options = parser.parse_args(arguments)
    page = options.docs / "results.md"
    try:
        text = render(read_all(options.docs / "results"))
    except LocalizationError as error:
        print(error)
        return 1
    if options.check:
        current = page.is_file() and page.read_text(encoding="utf-8") == text
        print(f"{page}: {'up to date' if current else 'differs from what results/*.json give'}")
        return 0 if current else 1
    page.write_text(text, encoding="utf-8")
    print(f"{page}: written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
