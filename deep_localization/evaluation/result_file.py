"""Result of an evaluation as a JSON file: its numbers, and the command and commit that reproduce them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deep_localization.evaluation import metrics_summary
from deep_localization.evaluation.metrics_summary import Aims
from deep_localization.evaluation.scoring import Metrics
from localization_common.errors import DatasetError
from localization_common.files import json_text
from localization_common.files.text_files import MAX_TEXT, read_text


@dataclass(frozen=True)
class Baseline:
    """Median errors of another method on the same frames."""

    name: str
    median_m: float
    median_deg: float


@dataclass(frozen=True)
class ResultFile:
    """Result of an evaluation with its origin.

    Attributes:
        title: title of its table.
        command: command line that a user types.
        commit: commit of the working tree, followed by ``+`` if tracked files differed from it; empty outside of git.
        metrics: metrics as in ``metrics.json``.
        baselines: errors of other methods on the same frames.
        aims: bounds that were set beforehand.
        notes: further numbers by name, as text.
    """

    title: str
    command: str
    commit: str
    metrics: Metrics
    baselines: Sequence[Baseline] = ()
    aims: Aims = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Text of the numbers for a terminal."""
        lines = [self.title, metrics_summary.text(self.metrics, self.aims)]
        if self.baselines:
            lines.append("For comparison, on the same frames")
            lines += [f"  {b.name:<34}{b.median_m:>6.3f} m {b.median_deg:>6.2f} deg" for b in self.baselines]
        return "\n".join([*lines, *(f"{name}: {text}" for name, text in self.notes.items())])

    def write(self, path: str | Path) -> None:
        """Write the file."""
        Path(path).write_text(json.dumps(_rounded(asdict(self)), indent=2, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> ResultFile:
        """Read a file of `write`.

        Raises:
            DatasetError: the file is not a result file.
        """
        try:
            values = json_text.parse(read_text(Path(path)), most=MAX_TEXT)
            values["baselines"] = tuple(Baseline(**one) for one in values["baselines"])
            values["aims"] = {key: (direction, bound) for key, (direction, bound) in values["aims"].items()}
            return cls(**values)
        except (DatasetError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DatasetError(f"{path}: not a result file of an evaluation ({error}); make it again") from error


def _rounded(value: object) -> object:
    """Round floats to six significant digits; more digits make files differ without a reason."""
    if isinstance(value, float):
        return value if value == 0 or not math.isfinite(value) else float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
