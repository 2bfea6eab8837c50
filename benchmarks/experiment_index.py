"""Index of the experiments: a row for each page, from the summary at its beginning."""

from __future__ import annotations

import re
from collections.abc import Mapping

from localization_common.errors import DatasetError

_HEAD = """<!-- Rendered by `python benchmarks/results_table.py`. -->
# Experiments

One page for each experiment: the question, how it was made (command, commit, machine), tables and findings. The most
important numbers of all of them: [results](../results.md).

| experiment | question | number |
|---|---|---|
"""


def render(pages: Mapping[str, str]) -> str:
    """Render the index in Markdown.

    Args:
        pages: Markdown of the experiments by name.

    Raises:
        DatasetError: a page has no title or no summary.
    """
    return _HEAD + "".join(f"{_row(name, text)}\n" for name, text in pages.items())


def _row(name: str, text: str) -> str:
    title = _found(name, text, "# ")
    question, number = (_found(name, text, f"- **{word}:** ") for word in ("Question", "Number"))
    return f"| [{title}]({name}.md) | {question} | {number} |"


def _found(name: str, text: str, beginning: str) -> str:
    found = re.search(rf"^{re.escape(beginning)}(.+)$", text, re.MULTILINE)
    if found is None:
        raise DatasetError(f"{name}.md: no line begins with {beginning!r}; write title, question, answer and number")
    return found[1]
