"""Reading of aims from the notes of a benchmark: ``"map: under 5 MB"`` with ``"0.65 MB: met"``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmark_file import judged

_VERDICTS = {judged(met): met for met in (True, False)}


@dataclass(frozen=True)
class Aim:
    """Aim of a benchmark: quantity, bound, value reached, and verdict."""

    quantity: str
    bound: str
    reached: str
    met: bool


def split(notes: Mapping[str, str]) -> tuple[list[Aim], dict[str, str]]:
    """Split notes into aims and others.

    A note is an aim if its name is ``quantity: bound`` and its text ends with a result of `judged`.
    """
    aims, others = [], {}
    for name, text in notes.items():
        quantity, _, bound = name.rpartition(": ")
        reached, _, verdict = text.rpartition(": ")
        if quantity and verdict in _VERDICTS:
            aims.append(Aim(quantity, bound, reached, _VERDICTS[verdict]))
        else:
            others[name] = text
    return aims, others
