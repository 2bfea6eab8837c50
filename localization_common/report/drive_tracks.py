"""Data of a plot of a drive: positions and errors with times, with a break in every pause of the drive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

AXES = "xyz"


@dataclass(frozen=True)
class DriveTrack:
    """Path for a plot.

    Attributes:
        name: name in the legend.
        times: (N,) seconds, increasing.
        positions: (N, 3) metres in the map.
        color: hexadecimal colour.
        dashed: True for a broken line.
    """

    name: str
    times: Array
    positions: Array
    color: str
    dashed: bool = False

    def broken(self) -> DriveTrack:
        """Path with a NaN row in every pause, so that no line is drawn across it."""
        times, positions = break_at_pauses(self.times, self.positions)
        return DriveTrack(self.name, times, positions, self.color, self.dashed)


@dataclass(frozen=True)
class ErrorSeries:
    """Errors of one estimator over time: `times` (N,) s, `values` (N,) in `unit`."""

    name: str
    times: Array
    values: Array
    unit: str
    color: str

    def broken(self) -> tuple[Array, Array]:
        """Times and values with NaN in every pause."""
        return break_at_pauses(self.times, self.values)


def break_at_pauses(times: Array, values: Array, *, factor: float = 5.0) -> tuple[Array, Array]:
    """Times (N,) and values (N, ...) with a NaN row wherever a step in time is `factor` times the median one."""
    if len(times) < 3:
        return times, values
    steps = np.diff(times)
    pauses = np.nonzero(steps > factor * np.median(steps))[0]
    middles = (times[pauses] + times[pauses + 1]) / 2.0
    return np.insert(times, pauses + 1, middles), np.insert(values, pauses + 1, np.nan, axis=0)


def plan_axes(positions: Array) -> tuple[int, int]:
    """Indices of the two of x, y, z in which positions (N, 3) extend the most, in the order of the letters.

    These are x and y for a robot, x and z for a data set with poses of a camera whose y axis points down.
    """
    extent = np.ptp(positions[np.isfinite(positions).all(1)], axis=0)
    first, second = sorted(np.argsort(-extent, kind="stable")[:2].tolist())
    return first, second
