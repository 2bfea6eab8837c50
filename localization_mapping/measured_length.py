"""Length that a user measured, for the scale of a map that nothing else gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from localization_common.datasets import sequence as data
from localization_common.errors import ConfigError


@dataclass(frozen=True)
class MeasuredLength:
    """Length that a user measured, for the scale of a map without odometry and depth; at most one of the two.

    Attributes:
        distance: two frame numbers of the first drive, and the distance of the camera between them, metres. Refused
            where the wheel odometry or a depth camera gives the scale.
        camera_height: height of the camera above the floor, metres. Refused where the wheel odometry or a depth camera
            gives the scale.
    """

    distance: tuple[int, int, float] | None = None
    camera_height: float | None = None

    def __post_init__(self) -> None:
        if self.distance is not None and self.camera_height is not None:
            raise ConfigError("--distance and --camera-height both give the scale; give one of them")
        if self.distance is not None:
            a, b, metres = self.distance
            if a == b or not _is_length(metres):
                raise ConfigError(f"{self}: give two different frames and a positive number of metres")
        if self.camera_height is not None and not _is_length(self.camera_height):
            raise ConfigError(f"{self}: give a positive number of metres")

    def __str__(self) -> str:
        """Option of the command line; empty without a length."""
        if self.distance is not None:
            a, b, metres = self.distance
            return f"--distance {a} {b} {metres:g}"
        return "" if self.camera_height is None else f"--camera-height {self.camera_height:g}"

    def require_fits(self, drives: Sequence[data.Sequence]) -> None:
        """Refuse a length that these drives do not need, or whose frames the first of them does not have.

        Raises:
            ConfigError: something else gives the scale, or a frame is not there.
        """
        if not str(self):
            return
        for drive in drives:
            given = "wheel odometry" if drive.odom_T_base is not None else "depth images"
            if drive.odom_T_base is not None or drive.read_depth is not None:
                raise ConfigError(
                    f"{self}: {drive.name} has {given}, and the scale comes from that; leave this option out"
                )
        for number in () if self.distance is None else self.distance[:2]:
            position_of(drives[0], number)


def position_of(drive: data.Sequence, number: int) -> int:
    """Position of a frame in its drive, by its number.

    Raises:
        ConfigError: the drive has no such frame.
    """
    numbers = drive.frame_numbers
    row = int(np.searchsorted(numbers, number))
    if row == len(numbers) or numbers[row] != number:
        raise ConfigError(
            f"{drive.name} has no frame {number}; its frames are numbered {numbers[0]} to {numbers[-1]}"
            f"{'' if len(numbers) == numbers[-1] - numbers[0] + 1 else ', with gaps'}"
        )
    return row


def _is_length(metres: float) -> bool:
    return bool(np.isfinite(metres)) and metres > 0.0
