"""A benchmark's result as a JSON file: tables of numbers, what every run gave, and how to make it again."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from types import MappingProxyType
from typing import Any

from localization_common.errors import DatasetError
from localization_common.files.atomic_write import write_whole
from localization_common.files.git_commit import commit_of

#: A number, several that one form shows together (mean and deviation), a word, or nothing.
Cell = float | int | str | Sequence[float | str] | None


def judged(met: bool) -> str:
    """Verdict on an aim, in Markdown."""
    return "met" if met else "**missed**"


def over_seeds(values: Sequence[float], digits: int) -> Cell:
    """Mean of what seeds gave and, of several, their deviation in words, for forms such as ``{:.1f}{} %``."""
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return [mean(values), spread] if values else None


@dataclass(frozen=True)
class Column:
    """Heading, and how its numbers are shown (a format string)."""

    name: str
    form: str = "{}"


@dataclass(frozen=True)
class Table:
    """Rows of cells; nothing is shown where nothing was measured."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    def cells(self) -> list[list[str]]:
        """Texts of the cells."""
        return [
            [_shown(cell, column.form) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows
        ]

    def markdown(self) -> str:
        """For a page; words to the left, numbers to the right."""
        lines = ["| " + " | ".join(c.name for c in self.columns) + " |"]
        lines.append("|" + "|".join("---" if c.form == "{}" else "---:" for c in self.columns) + "|")
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.cells())])

    def text(self) -> str:
        """For a terminal."""
        rows = [[c.name for c in self.columns], *self.cells()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.columns))]
        return "\n".join("  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip() for row in rows)


@dataclass(frozen=True)
class BenchmarkFile:
    """A benchmark and where it came from.

    Attributes:
        title: of its section.
        command: the command line, as a user would type it.
        commit: of the working tree, see `commit_of`.
        machine: what it ran on.
        tables: what is shown.
        notes: what follows from them, by name, already in words.
        runs: every single measurement, as it was written by what made it.
    """

    title: str
    command: str
    commit: str
    machine: dict[str, str]
    tables: Sequence[Table]
    notes: dict[str, str] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        script: str,
        *,
        title: str,
        tables: Sequence[Table],
        notes: dict[str, str],
        runs: dict[str, Any],
        about: Mapping[str, str] = MappingProxyType({}),
    ) -> BenchmarkFile:
        """Result of this process, a script of ``benchmarks/``.

        Args:
            script: its ``__file__``.
            about: what else numbers depend on, besides the machine.
        """
        command = shlex.join(["python", f"benchmarks/{Path(script).name}", *sys.argv[1:]])
        return cls(title, command, commit_of(Path(script).parent), {**machine(), **about}, tables, notes, runs)

    def publish(self, path: Path | None, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Print it and, if there is a path, write it."""
        print(self.text())
        if path is not None:
            self.write(path, more)

    def text(self) -> str:
        """Everything but the runs, for a terminal."""
        parts = [self.title, *(f"{table.title}\n{table.text()}" for table in self.tables)]
        return "\n\n".join([*parts, "\n".join(f"{name}: {text}" for name, text in self.notes.items())])

    def write(self, path: str | Path, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Write the file, whole or not at all; ``more`` stands beside the fields for other programs, by name."""
        text = json.dumps({**asdict(self), **more}, indent=1, allow_nan=False) + "\n"
        write_whole(path, text.encode())

    @classmethod
    def read(cls, path: str | Path) -> BenchmarkFile:
        """Read what `write` wrote; what others added is left out.

        Raises:
            DatasetError: the file is not one of these.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            values = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
            values["tables"] = [
                Table(t["title"], [Column(**c) for c in t["columns"]], t["rows"]) for t in values["tables"]
            ]
            return cls(**values)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DatasetError(f"{path}: not a benchmark's file ({error}); make it again") from error


def machine() -> dict[str, str]:
    """Processor, cores and versions that numbers depend on."""
    import torch

    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        names = [
            line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
        ]
        processor = names[0].partition(":")[2].strip() if names else processor
    found = {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }
    return found | ({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def _shown(cell: Cell, form: str) -> str:
    if cell is None:
        return ""
    return form.format(*cell) if isinstance(cell, list | tuple) else form.format(cell)
