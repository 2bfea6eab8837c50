"""Second file of `vlocnet_export`: convolutions with 8-bit integers, kept only where the poses stay accurate."""

from __future__ import annotations

from collections.abc import Sequence as Many
from pathlib import Path
from typing import Any

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.runtime.backends.opening import INT8
from vlocnet_ros.runtime.backends.quantization import frame_inputs, quantize

#: Largest growth of an error for which the file is kept.
_WORST = 1.05


def export_int8(file: Path, sequences: Many[Sequence]) -> str:
    """Write NAME.int8.onnx beside an exported file, and return a line with its errors over those of the file.

    Args:
        file: file of `export_onnx`.
        sequences: frames of the place with poses; the first half of each calibrates, the second half compares.

    Raises:
        ConfigError: onnx is not installed, or an error grows by more than 5 %: the file is removed then.
        DatasetError: the frames cannot be used.
    """
    output = file.with_suffix(INT8)
    output.unlink(missing_ok=True)
    calibrating = [sequence.select(np.arange(len(sequence) // 2)) for sequence in sequences]
    quantize(file, output, frame_inputs(file, calibrating))
    held_out = [sequence.select(np.arange(len(sequence) // 2, len(sequence))) for sequence in sequences]
    before, after = (_errors(evaluate(path, held_out).numbers) for path in (file, output))
    growth = {name: after[name] / before[name] for name in before}
    text = ", ".join(f"{name} {after[name]:.4g} (in single precision {before[name]:.4g})" for name in before)
    if not growth or max(growth.values()) > _WORST:
        output.unlink()
        raise ConfigError(f"{output}: errors grew by more than {_WORST - 1.0:.0%}, and it was not kept: {text}")
    return f"{output}: {output.stat().st_size / 1e6:.1f} MB; {text}"


def _errors(numbers: dict[str, Any]) -> dict[str, float]:
    """Errors of the poses of single frames and of the odometry, those that the network has."""
    found: dict[str, float] = {}
    if "regressed" in numbers:
        found |= {"median m": numbers["regressed"]["median_m"], "median deg": numbers["regressed"]["median_deg"]}
    if "odometry" in numbers:
        found["odometry %"] = numbers["odometry"]["rpe_percent"]
    return found
