"""Replacing of references in Markdown by numbers of result files: ``{{recordings / machine}}``.

The first part is the name of a file in ``docs/results``. The other parts are

- ``pose.median_m``: a metric of an evaluation, by group and key;
- ``aim / pose.median_m`` or ``aim / QUANTITY``: the bound that was set, and the verdict;
- ``reached / QUANTITY``: the value of a benchmark's aim;
- ``note / NAME``: another note of a benchmark;
- ``TABLE / ROW / COLUMN``: a cell of a benchmark; a row is named by its first cells, as many as are needed;
- ``commit``, ``machine``, ``computer``: origin of the numbers; ``computer`` leaves the versions out;
- ``made``, ``tables``: the command with commit and machine; all numbers.

A reference to a missing value is an error, so that no page has an old or a missing number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import result_blocks
from benchmark_aims import Aim, split
from benchmark_file import BenchmarkFile, Table, judged
from deep_localization.evaluation import metrics_summary
from deep_localization.evaluation.result_file import ResultFile
from localization_common.errors import DatasetError

Result = ResultFile | BenchmarkFile
REFERENCE = re.compile(r"\{\{(.+?)\}\}")


def fill(text: str, results: Mapping[str, Result]) -> str:
    """Replace the references in Markdown by their values.

    Args:
        text: Markdown with references.
        results: results by the name of their file, without ``.json``.

    Raises:
        DatasetError: a reference has no value.
    """
    return REFERENCE.sub(lambda match: value(match[1].strip(), results), text)


def value(reference: str, results: Mapping[str, Result]) -> str:
    """Text of one reference, which is given without its braces."""
    name, *parts = (part.strip() for part in reference.split(" / "))
    try:
        return _value(name, parts, results[name])
    except (KeyError, ValueError) as error:
        raise DatasetError(f"{{{{{reference}}}}}: no such value ({error}); correct the reference") from error


def _value(name: str, parts: list[str], result: Result) -> str:
    match parts:
        case ["made"]:
            return result_blocks.made(name, result)
        case ["tables"]:
            return result_blocks.numbers(result)
        case ["commit"]:
            return result.commit
    return _of_evaluation(result, parts) if isinstance(result, ResultFile) else _of_benchmark(result, parts)


def _of_evaluation(result: ResultFile, parts: list[str]) -> str:
    match parts:
        case ["aim", metric]:
            direction, bound = result.aims[metric]
            met = metrics_summary.meets(_metric(result, metric), (direction, bound))
            return f"{direction} {metrics_summary.shown(metric, bound)}, {judged(met)}"
        case [metric]:
            return metrics_summary.shown(metric, _metric(result, metric))
    raise KeyError(" / ".join(parts))


def _metric(result: ResultFile, metric: str) -> float:
    group, _, key = metric.partition(".")
    found = result.metrics[group][key]
    if found is None:
        raise KeyError(f"{metric} was not scored")
    return float(found)


def _of_benchmark(result: BenchmarkFile, parts: list[str]) -> str:
    match parts:
        case ["machine"]:
            return result_blocks.machine(result.machine)
        case ["computer"]:
            return result_blocks.computer(result.machine)
        case ["aim", quantity]:
            aim = _aim(result, quantity)
            return f"{aim.bound}, {judged(aim.met)}"
        case ["reached", quantity]:
            return _aim(result, quantity).reached
        case ["note", name]:
            return result.notes[name]
        case [title, row, column]:
            (table,) = (table for table in result.tables if table.title == title)
            return _cell(table, row, column)
    raise KeyError(" / ".join(parts))


def _aim(result: BenchmarkFile, quantity: str) -> Aim:
    (aim,) = (aim for aim in split(result.notes)[0] if aim.quantity == quantity)
    return aim


def _cell(table: Table, row: str, column: str) -> str:
    (index,) = (i for i, each in enumerate(table.columns) if each.name == column)
    (cells,) = (cells for cells in table.cells() if any(", ".join(cells[:n]) == row for n in range(1, len(cells))))
    if not cells[index]:
        raise KeyError(f"{row} has no {column}")
    return cells[index]
