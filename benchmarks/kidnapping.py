"""A robot that is carried to another place without its odometry noticing, made from a recorded drive."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3


@dataclass(frozen=True)
class Kidnapping:
    """Where a drive begins and how it is torn.

    Attributes:
        before: frames that the robot drives before it is carried away.
        after: frames that it drives where it is put down.
        metres: at least so far apart are the two places.
        seed: of the frames at which the drive begins, and at which it goes on.
    """

    before: int = 15
    after: int = 20
    metres: float = 3.0
    seed: int = 0

    def positions(self, drive: Sequence) -> tuple[int, int]:
        """Of the first frame, and of that at which the robot is put down: all that are possible are equally likely.

        Raises:
            DatasetError: the drive is too short, or never so far from itself.
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
    """The drive up to where the robot is taken, then on from where it is put down; odometry and clock know no gap."""
    begin, goal = kidnapping.positions(drive)
    chosen = np.r_[begin : begin + kidnapping.before, goal : goal + kidnapping.after]
    if drive.odom_T_base is None:
        raise DatasetError(f"{drive.name}: holds no odometry for a robot to be deceived by")
    odometry, kept = drive.odom_T_base[chosen], kidnapping.before
    joint = odometry[kept - 1] @ se3.inverse(odometry[kept])
    odometry[kept:] = joint @ odometry[kept:]
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
