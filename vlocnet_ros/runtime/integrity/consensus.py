"""Consensus: robust mean of the poses of the last seconds, each moved to the present by the odometry.

The errors of regressed poses differ from frame to frame; the odometry between them is far more accurate. So each pose
of a short window is a measurement of the present pose. Their robust mean, with small weights for poses with a large
predicted error, is more accurate than the newest pose. Their scatter measures its accuracy: the geometric consistency
of the loss (section II-B) over a window instead of a pair.
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
    """Weights of the poses in a consensus.

    Attributes:
        window: number of poses that are kept.
        decay: age in poses at which the weight falls by e in the tracked consensus, because the odometry drifts.
        recency: the same in the published consensus. The best value depends on the errors of single frames and on the
            drift of the odometry; calibration fits it (`calibration_replay.fit`).
        spacing: least time between kept poses, nanoseconds: the poses of a fast camera have the same errors.
        metres, radians: residuals at which the weight is a quarter (kernel of Geman and McClure).
    """

    window: int = 50
    decay: float = 30.0
    recency: float = 12.0
    spacing: int = 150_000_000
    metres: float = 0.2
    radians: float = 0.07

    def __post_init__(self) -> None:
        require_at_most(self, window=10_000)  # every pair of poses is compared
        if self.window < 1 or min(self.decay, self.recency, self.metres, self.radians) <= 0.0 or self.spacing < 0:
            raise ConfigError(f"consensus: {self} must be positive")


@dataclass(frozen=True)
class Agreement:
    """Consensus of a window of n poses; the newest is the last.

    Attributes:
        pose: (4, 4) camera in the map.
        offsets: (n, 3) position of each pose relative to it, metres, along the map's axes.
        angles: (n,) angle between each rotation and its rotation, radians.
        residuals: (n,) norm of both, in units of the configuration's metres and radians.
        weights: (n,) weight of each pose.
        expected: (n, 2) logarithms of the predicted errors of each pose, metres and radians.
    """

    pose: Array
    offsets: Array
    angles: Array
    residuals: Array
    weights: Array
    expected: Array

    def __len__(self) -> int:
        return len(self.weights)


def robust_mean(poses: Array, expected: Array, decay: float, config: ConsensusConfig) -> Agreement:
    """Robust mean of poses (n, 4, 4), the newest last: iteratively reweighted least squares from the most central pose.

    Weights are proportional to the inverse of the predicted errors (n, 2), not of their squares: errors of neighbouring
    frames are correlated, so that a good pose among bad ones has less information than an independent one.

    Args:
        decay: age in poses at which a weight falls by e.
    """
    ages = np.arange(len(poses), dtype=np.float64)[::-1]
    prior = np.exp(-ages / decay - expected.mean(1))
    positions, rotations = poses[:, :3, 3], poses[:, :3, :3].reshape(-1, 9)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    pose = poses[int(np.argmin(np.minimum(apart, 3.0 * config.metres) @ prior))].copy()
    for _ in range(_ROUNDS):
        weights = prior / (1.0 + _from(pose, poses, config)[2] ** 2) ** 2
        pose[:3, 3] = weights @ positions / weights.sum()
        pose[:3, :3] = se3.nearest_rotation((weights @ rotations).reshape(3, 3))
    return Agreement(pose, *_from(pose, poses, config), weights, expected)


def _from(pose: Array, poses: Array, config: ConsensusConfig) -> tuple[Array, Array, Array]:
    """Offsets, angles and residuals of poses relative to one."""
    offsets = poses[:, :3, 3] - pose[:3, 3]
    # the norm of the difference of two rotations is 2 sqrt(2) sin(angle / 2)
    chords = np.linalg.norm(poses[:, :3, :3].reshape(-1, 9) - pose[:3, :3].ravel(), axis=-1)
    angles = 2.0 * np.arcsin(np.minimum(chords / 8.0**0.5, 1.0))
    metres = np.linalg.norm(offsets, axis=-1)
    return offsets, angles, np.hypot(metres / config.metres, angles / config.radians)


class Consensus:
    """Window of poses.

    Args:
        config: weights of the poses.
    """

    def __init__(self, config: ConsensusConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Drop all poses."""
        self._poses: Array = np.zeros((0, 4, 4))
        self._expected: Array = np.zeros((0, 2))
        self._stamps: list[int] = []

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, pose: Array, motion: Array | None, stamp: int, expected: Array) -> Agreement:
        """Add a pose and return the consensus of the window.

        Args:
            pose: (4, 4) camera in the map, regressed from this frame.
            motion: (4, 4) motion since the last call, in the camera frame of then; None if unknown: the others are
                dropped.
            stamp: nanoseconds, increasing.
            expected: (2,) see `Agreement`; a constant where no error is predicted.
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
        """Keep the newest poses only."""
        self._poses, self._expected, self._stamps = self._poses[-count:], self._expected[-count:], self._stamps[-count:]

    def residual(self, pose: Array, other: Array) -> float:
        """Residual of one pose (4, 4) relative to another."""
        return float(_from(other, pose[None], self._config)[2][0])

    def of_last(self, count: int) -> Agreement:
        """Consensus of the newest poses, at least one, without predicted errors."""
        poses = self._poses[-count:]
        return robust_mean(poses, np.zeros((len(poses), 2)), self._config.decay, self._config)

    def latest(self) -> Agreement:
        """Published consensus: newer poses and poses with a small predicted error have more weight."""
        return robust_mean(self._poses, self._expected, self._config.recency, self._config)
