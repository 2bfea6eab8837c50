"""Counts of input that is not used, by reason, with the first examples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from localization_common.datasets.summary import LeftOut

#: Examples that are kept of each reason, and reasons that are kept apart.
_EXAMPLES, _REASONS = 3, 20


@dataclass
class Tally:
    """Reasons and how often each occurred; numbers in a reason do not make it another one."""

    _reasons: dict[str, tuple[str, int, list[str]]] = field(default_factory=dict)

    def add(self, reason: str, example: str, count: int = 1) -> None:
        """Count something that is not used."""
        key = re.sub(r"\d+(\.\d+)?", "#", reason)
        if key not in self._reasons and len(self._reasons) >= _REASONS:
            key, reason = "", "other reasons"
        first, before, examples = self._reasons.get(key, (reason, 0, []))
        kept = [*examples, example] if len(examples) < _EXAMPLES else examples
        self._reasons[key] = (first, before + count, kept)

    @property
    def total(self) -> int:
        """Number of things counted."""
        return sum(count for _, count, _ in self._reasons.values())

    def left_out(self, what: str) -> tuple[LeftOut, ...]:
        """The same for a summary.

        Args:
            what: plural of the things that were counted.
        """
        return tuple(
            LeftOut(count, what, reason, tuple(examples)) for reason, count, examples in self._reasons.values()
        )
