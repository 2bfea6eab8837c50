"""Simulated kidnapping: a recorded drive in which the robot is carried to another place without odometry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3


@dataclass(frozen=True)
class Kidnapping:
    """Settings of a kidnapping.

    Attributes:
        before: number of frames before it.
        after: number of frames after it.
        metres: smallest distance of the two places.
        seed: seed of the first frames before and after it.
    """

    before: int = 15
    after: int = 20
    metres: float = 3.0
    seed: int = 0

    def positions(self, drive: Sequence) -> tuple[int, int]:
        """Draw the positions of the first frames before and after the kidnapping, uniformly over the possible ones.

        Raises:
            DatasetError: the drive is too short, or its places are too near to each other.
        """
        rng = np.random.default_rng(self.seed)
        places = drive.map_T_base[:, :2, 3]
        last, goals = self.before - 1, places[: max(0, len(drive) - self.after + 1)]
        away = np.linalg.norm(places[last:, None] - goals[None], axis=2) >= self.metres
        begins = np.flatnonzero(away.any(axis=1))
        if len(begins) == 0:
            raise DatasetError(
                f"{drive.name}: no {self.before} frames, then {self.after} that begin {self.metres} m away from there"
            )
        begin = int(rng.choice(begins))
        return begin, int(rng.choice(np.flatnonzero(away[begin])))


def kidnapped(drive: Sequence, kidnapping: Kidnapping) -> Sequence:
    """Join two parts of a drive without a gap in odometry and stamps."""
    begin, goal = kidnapping.positions(drive)
    chosen = np.r_[begin : begin + kidnapping.before, goal : goal + kidnapping.after]
    if drive.odom_T_base is None:
        raise DatasetError(f"{drive.name}: holds no odometry, which a kidnapping needs")
    odometry, before = drive.odom_T_base[chosen], kidnapping.before
    joint = odometry[before - 1] @ se3.inverse(odometry[before])
    odometry[before:] = joint @ odometry[before:]
    period = int(np.median(np.diff(drive.stamps)))
    return replace(
        drive,
        name=f"{drive.name}, kidnapped",
        frame_numbers=np.arange(len(chosen)),
        stamps=np.arange(len(chosen), dtype=np.int64) * period,
        map_T_camera=drive.map_T_camera[chosen],
        read_image=lambda position: drive.read_image(int(chosen[position])),
        read_depth=None,
        read_labels=None,
        odom_T_base=odometry,
    )
