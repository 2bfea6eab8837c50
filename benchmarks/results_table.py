"""``python benchmarks/results_table.py``: renders the pages of results from the files in ``docs/results``.

``docs/results/NAME.md`` becomes ``docs/experiments/NAME.md``, ``docs/results/headlines.md`` becomes
``docs/results.md``, and ``docs/results/readme_table.md`` becomes the table of the README. References such as
``{{recordings / machine}}`` are replaced by numbers of ``docs/results/*.json`` (see `result_references`). A test
compares all pages with the files.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import experiment_index
from benchmark_file import BenchmarkFile
from deep_localization.evaluation.result_file import ResultFile
from localization_common.errors import DatasetError, LocalizationError
from result_references import Result, fill

DOCS = Path(__file__).resolve().parents[1] / "docs"
HEADLINES, README_TABLE = "headlines", "readme_table"

#: The space between a number and its unit.
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(%|m|cm|deg|deg/m|ms|MB)(?![\w/]))")
#: Part of the README that is rendered.
_README_BLOCK = re.compile(r"(?<=<!-- Rendered from docs/results/readme_table\.md -->\n).*?(?=<!-- End -->)", re.DOTALL)
_MARK = "<!-- Rendered by `python benchmarks/results_table.py` from docs/results/{name}.md: edit that file. -->\n"


def render(folder: Path) -> dict[str, str]:
    """Pages by their path in ``docs``.

    Args:
        folder: ``docs/results``.

    Raises:
        DatasetError: a file cannot be read, a reference has no value, or a result is on no page.
    """
    results = {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    if HEADLINES not in sources:
        raise DatasetError(f"{folder / HEADLINES}.md is not there; write it: it becomes results.md")
    _require_pages(folder, results, sources)
    apart = (HEADLINES, README_TABLE)
    experiments = {name: _page(name, text, results) for name, text in sources.items() if name not in apart}
    pages = {f"experiments/{name}.md": text for name, text in experiments.items()}
    pages["experiments/index.md"] = experiment_index.render(experiments)
    pages["results.md"] = _page(HEADLINES, sources[HEADLINES], results)
    if README_TABLE in sources:
        pages["../README.md"] = _readme(folder.parents[1] / "README.md", sources[README_TABLE], results)
    return pages


def _read(path: Path) -> Result:
    try:
        benchmark = "tables" in json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path}: no JSON ({error}); make it again") from error
    return BenchmarkFile.read(path) if benchmark else ResultFile.read(path)


def _require_pages(folder: Path, results: Mapping[str, Result], sources: Mapping[str, str]) -> None:
    """Refuse a result whose origin or whose numbers are on no page."""
    everything = "\n".join(sources.values())
    for name in results:
        for block in (f"{{{{{name} / made}}}}", f"{{{{{name} / tables}}}}"):
            if block not in everything:
                raise DatasetError(f"{folder / name}.json: no page shows it; write {block} in a .md file beside it")


def _readme(path: Path, text: str, results: Mapping[str, Result]) -> str:
    """README with its rendered table."""
    whole = path.read_text(encoding="utf-8")
    if not _README_BLOCK.search(whole):
        raise DatasetError(f"{path}: the marks of its table are missing: {_README_BLOCK.pattern}")
    table = _page(README_TABLE, text, results).partition("\n")[2]
    return _README_BLOCK.sub(lambda _: table, whole)


def _page(name: str, text: str, results: Mapping[str, Result]) -> str:
    try:
        lines = fill(text, results).splitlines(keepends=True)
        # A number and its unit stay on one line of a narrow cell.
        cells = [_BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", line) if line.startswith("|") else line for line in lines]
        return _MARK.format(name=name) + "".join(cells)
    except DatasetError as error:
        raise DatasetError(f"{name}.md: {error}") from error


def differing(docs: Path, pages: Mapping[str, str]) -> list[str]:
    """Paths in ``docs`` of pages that are missing, were edited, or have no source."""
    there = {f"experiments/{path.name}" for path in (docs / "experiments").glob("*.md")}
    wrong = [
        name
        for name, text in pages.items()
        if not (docs / name).is_file() or (docs / name).read_text(encoding="utf-8") != text
    ]
    return sorted([*wrong, *(there - set(pages))])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or with ``--check`` compare them."""
    parser = argparse.ArgumentParser(description="Render docs/results.md and docs/experiments from docs/results.")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of results/, results.md and experiments/")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not up to date")
    options = parser.parse_args(arguments)
    try:
        pages = render(options.docs / "results")
    except LocalizationError as error:
        print(error)
        return 1
    if not options.check:
        for name, text in pages.items():
            path = options.docs / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(f"{options.docs}: {len(pages)} pages written")
    wrong = differing(options.docs, pages)
    for name in wrong:
        print(f"{options.docs / name}: differs from its source in {options.docs / 'results'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
