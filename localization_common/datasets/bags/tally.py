"""Number of inputs that are not used, by reason, with the first examples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from localization_common.datasets.summary import LeftOut, plain

#: Examples for each reason, different reasons, and reasons in one message: at most so many.
_EXAMPLES, _REASONS, _GIVEN = 3, 20, 3


@dataclass
class Tally:
    """Reasons and their counts; texts that differ only in their numbers are the same reason."""

    _reasons: dict[str, tuple[str, int, list[str]]] = field(default_factory=dict)

    def add(self, reason: str, example: str, count: int = 1) -> None:
        """Count an input that is not used."""
        reason, example = plain(reason, 400), plain(example)
        key = re.sub(r"\d+(\.\d+)?", "#", reason)
        if key not in self._reasons and len(self._reasons) >= _REASONS:
            key, reason = "", "other reasons"
        first, before, examples = self._reasons.get(key, (reason, 0, []))
        kept = [*examples, example] if len(examples) < _EXAMPLES else examples
        self._reasons[key] = (first, before + count, kept)

    def add_all(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for reason, count, examples in other._reasons.values():
            for example in examples[1:]:
                self.add(reason, example)
            self.add(reason, examples[0], count - len(examples) + 1)

    @property
    def total(self) -> int:
        """Number of inputs that were counted."""
        return sum(count for _, count, _ in self._reasons.values())

    def left_out(self, what: str) -> tuple[LeftOut, ...]:
        """Entries for a summary, one for each reason.

        Args:
            what: name of the inputs, in the plural.
        """
        return tuple(
            LeftOut(count, what, reason, tuple(examples)) for reason, count, examples in self._reasons.values()
        )

    def reasons(self, what: str) -> str:
        """Most frequent reasons in one line, for an error message."""
        parts = sorted(self.left_out(what), key=lambda part: -part.count)
        more = f"; and {len(parts) - _GIVEN} other reasons" if len(parts) > _GIVEN else ""
        return "; ".join(part.text() for part in parts[:_GIVEN]) + more
