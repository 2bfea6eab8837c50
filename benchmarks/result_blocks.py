"""Markdown blocks of a result file: the origin of its numbers, and the numbers."""

from __future__ import annotations

from collections.abc import Mapping

from benchmark_aims import Aim, split
from benchmark_file import BenchmarkFile, judged
from deep_localization.evaluation import metrics_summary
from deep_localization.evaluation.result_file import ResultFile
from localization_common.report.html import Row


def made(name: str, result: ResultFile | BenchmarkFile) -> str:
    """Command, commit and machine of a result.

    Args:
        name: name of its file, without ``.json``.
        result: content of the file.
    """
    lines = ["```bash", result.command, "```", "", f"- numbers: [`results/{name}.json`](../results/{name}.json)"]
    if result.commit:
        lines.append(f"- commit: `{result.commit}`")
    if isinstance(result, BenchmarkFile):
        lines.append(f"- machine: {machine(result.machine)}")
    return "\n".join(lines)


def computer(values: Mapping[str, str]) -> str:
    """Processor, number of cores and GPU, and the number of threads, in one line."""
    return machine({name: value for name, value in values.items() if name in ("processor", "cores", "gpu", "threads")})


def machine(values: Mapping[str, str]) -> str:
    """Processor, number of cores, versions and options in one line."""
    words = {"processor": "{value}", "cores": "{value} cores", "gpu": "{value}"}
    return ", ".join(words.get(name, "{name} {value}").format(name=name, value=value) for name, value in values.items())


def numbers(result: ResultFile | BenchmarkFile) -> str:
    """Tables of a result, then its notes."""
    return _benchmark(result) if isinstance(result, BenchmarkFile) else _evaluation(result)


def _benchmark(result: BenchmarkFile) -> str:
    aims, notes = split(result.notes)
    blocks = [f"### {table.title}\n\n{table.markdown()}" for table in result.tables]
    if aims:
        lines = ["### Aims", "", "| quantity | value | aim | |", "|---|---|---|---|", *map(_aim, aims)]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, *_notes(notes)])


def _aim(aim: Aim) -> str:
    return f"| {aim.quantity} | {aim.reached} | {aim.bound} | {judged(aim.met)} |"


def _evaluation(result: ResultFile) -> str:
    lines = ["| quantity | value | aim | |", "|---|---:|---|---|"]
    for heading, group in metrics_summary.rows(result.metrics, result.aims):
        lines.append(f"| **{heading}** | | | |")
        lines += [_line(row) for row in group]
    blocks = ["\n".join(lines)]
    if result.baselines:
        lines = ["| other methods on the same frames | position, median | rotation, median |", "|---|---:|---:|"]
        lines += [f"| {b.name} | {b.median_m:.3f} m | {b.median_deg:.2f} deg |" for b in result.baselines]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, *_notes(result.notes)])


def _line(row: Row) -> str:
    remark, _, aim = row.remark.rpartition("aim: ") if row.met is not None else (row.remark, "", "")
    verdict = "" if row.met is None else judged(row.met)
    name = f"{row.name} ({remark.rstrip('; ')})" if remark else row.name
    return f"| {name} | {row.value} | {aim} | {verdict} |"


def _notes(notes: Mapping[str, str]) -> list[str]:
    return ["\n".join(f"- {name}: {text}" for name, text in notes.items())] if notes else []
