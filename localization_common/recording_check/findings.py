"""Result of one check of a recording, and its grade."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

#: Values for JSON: numbers with the unit in their names, text, or lists of them.
Numbers = Mapping[str, Any]


class Grade(Enum):
    """Grade of a check and of a recording. `FAIL`: the recording cannot be used before it is corrected."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        """Order of the grades: 0 for OK; larger is worse."""
        return list(Grade).index(self)


@dataclass(frozen=True)
class CheckResult:
    """Result of one check.

    Attributes:
        name: one or two words, such as ``sharpness``.
        verdict: grade.
        sentence: finding with its numbers.
        advice: remedy in the imperative; empty where there is nothing to do.
        numbers: measurements; each name holds the unit: ``longest_gap_s``.
    """

    name: str
    verdict: Grade
    sentence: str
    advice: str = ""
    numbers: Numbers = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionary for JSON; numbers that are not finite become null."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "advice": self.advice,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
        }


def worst(verdicts: list[Grade]) -> Grade:
    """Worst of several grades; OK without any."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Grade.OK)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
