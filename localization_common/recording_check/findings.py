"""One finding on a recording, and how bad it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

#: Values in JSON: numbers with the unit in their names, text, or lists of them.
Numbers = Mapping[str, Any]


class Grade(Enum):
    """Grade of a finding and of a recording. `FAIL`: it cannot be used before this is mended."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        """0 for OK; the larger the worse."""
        return list(Grade).index(self)


@dataclass(frozen=True)
class CheckResult:
    """One finding.

    Attributes:
        name: a word or two, such as ``sharpness``.
        verdict: how bad it is.
        sentence: what was found, with its numbers.
        advice: what to do about it, in the imperative; empty where nothing is to do.
        numbers: what was measured; the unit is in each name: ``longest_gap_s``.
    """

    name: str
    verdict: Grade
    sentence: str
    advice: str = ""
    numbers: Numbers = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers that are not finite become null."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "advice": self.advice,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
        }


def worst(verdicts: list[Grade]) -> Grade:
    """The worst of several; OK of none."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Grade.OK)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
