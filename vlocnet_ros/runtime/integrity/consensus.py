"""What the poses of the last seconds agree on, each carried to the present by the odometry.

A regressed pose is wrong by itself in ways that its neighbours are not; the motion between them is known far better
than any of them. So each pose of a short window says where the robot is now, and a robust mean of these answers, in
which those count less that are expected to be wrong, is better than the newest one. How they scatter tells how good it
is: the geometric consistency of the loss (section II-B) over a window, not over a pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_common.files.configuration import require_at_most
from localization_common.geometry import se3

Array = npt.NDArray[np.float64]

#: Rounds of reweighting; the mean moves by less than a millimetre after them.
_ROUNDS = 8


@dataclass(frozen=True)
class ConsensusConfig:
    """How poses are joined.

    Attributes:
        window: poses that are kept.
        decay: places in the window after which a pose counts e times less in what is tracked, for the odometry's drift.
        recency: likewise in what is published. How many frames are worth joining depends on how wrong they are, and on
            how fast the odometry drifts: calibration finds out (`replay.fit`).
        spacing: least time between poses that are kept, nanoseconds: a fast camera's are all alike.
        metres, radians: residuals at which a pose counts a quarter of what it would (Geman and McClure's kernel).
    """

    window: int = 50
    decay: float = 30.0
    recency: float = 12.0
    spacing: int = 150_000_000
    metres: float = 0.2
    radians: float = 0.07

    def __post_init__(self) -> None:
        require_at_most(self, window=10_000)  # each pose is compared with each
        if self.window < 1 or min(self.decay, self.recency, self.metres, self.radians) <= 0.0 or self.spacing < 0:
            raise ConfigError(f"consensus: {self} must be positive")


@dataclass(frozen=True)
class Agreement:
    """What a window of n poses agrees on; the newest is the last.

    Attributes:
        pose: (4, 4) of the camera in the map.
        offsets: (n, 3) metres of each pose from it, about the map's axes.
        angles: (n,) radians between the rotations.
        residuals: (n,) both in units of the configuration's metres and radians.
        weights: (n,) what each pose counts.
        expected: (n, 2) logarithms of the errors that each was expected to have, metres and radians.
    """

    pose: Array
    offsets: Array
    angles: Array
    residuals: Array
    weights: Array
    expected: Array

    def __len__(self) -> int:
        return len(self.weights)


def agree(poses: Array, expected: Array, decay: float, config: ConsensusConfig) -> Agreement:
    """Robust mean of poses (n, 4, 4), the newest last, by iteratively reweighted least squares from the most central.

    Weights go with the inverse of the expected errors (n, 2), not of their squares: neighbours err alike, so that a
    good pose among bad ones is not worth as much as if all were independent.

    Args:
        decay: places after which a pose counts e times less.
    """
    ages = np.arange(len(poses), dtype=np.float64)[::-1]
    prior = np.exp(-ages / decay - expected.mean(1))
    positions, rotations = poses[:, :3, 3], poses[:, :3, :3]
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    pose = poses[int(np.argmin(np.minimum(apart, 3.0 * config.metres) @ prior))].copy()
    for _ in range(_ROUNDS):
        weights = prior / (1.0 + _from(pose, poses, config)[2] ** 2) ** 2
        pose[:3, 3] = weights @ positions / weights.sum()
        pose[:3, :3] = se3.nearest_rotation(np.einsum("n,nij->ij", weights, rotations))
    return Agreement(pose, *_from(pose, poses, config), weights, expected)


def _from(pose: Array, poses: Array, config: ConsensusConfig) -> tuple[Array, Array, Array]:
    """Offsets, angles and residuals of poses from one."""
    offsets = poses[:, :3, 3] - pose[:3, 3]
    angles = se3.rotation_angle(pose[:3, :3].T @ poses[:, :3, :3])
    metres = np.linalg.norm(offsets, axis=-1)
    return offsets, angles, np.hypot(metres / config.metres, angles / config.radians)


class Consensus:
    """The window itself.

    Args:
        config: how poses are joined.
    """

    def __init__(self, config: ConsensusConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget all poses."""
        self._poses: Array = np.zeros((0, 4, 4))
        self._expected: Array = np.zeros((0, 2))
        self._stamps: list[int] = []

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, pose: Array, motion: Array | None, stamp: int, expected: Array) -> Agreement:
        """One more pose, and what all of them agree on.

        Args:
            pose: (4, 4) of the camera in the map, by itself.
            motion: (4, 4) since the last call, in the camera's frame then; None if not known, which drops the others.
            stamp: nanoseconds, increasing.
            expected: (2,) see `Agreement`; any, but the same for all poses, where nothing is expected.
        """
        if motion is None:
            self.reset()
        else:
            self._poses = self._poses @ motion
        if len(self) > 1 and self._stamps[-1] - self._stamps[-2] < self._config.spacing:
            self._poses, self._expected, self._stamps = self._poses[:-1], self._expected[:-1], self._stamps[:-1]
        self._poses = np.concatenate([self._poses, pose[None]])
        self._expected = np.concatenate([self._expected, expected[None]])
        self._stamps.append(stamp)
        self.keep(self._config.window)
        return self.of_last(self._config.window)

    def keep(self, count: int) -> None:
        """Forget all but the newest poses."""
        self._poses, self._expected, self._stamps = self._poses[-count:], self._expected[-count:], self._stamps[-count:]

    def residual(self, pose: Array, other: Array) -> float:
        """Of one pose (4, 4) from another."""
        return float(_from(other, pose[None], self._config)[2][0])

    def of_last(self, count: int) -> Agreement:
        """What the newest poses agree on, all believed alike; there must be one."""
        poses = self._poses[-count:]
        return agree(poses, np.zeros((len(poses), 2)), self._config.decay, self._config)

    def latest(self) -> Agreement:
        """Where all of them say that the camera is now, the newer and the better ones the most."""
        return agree(self._poses, self._expected, self._config.recency, self._config)
