"""Simulated wheel odometry of a drive: scale errors, noise and occasional slip of one wheel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_sim.apartments.drive_paths import TIME_STEP, Trajectory

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WheelNoise:
    """Errors of the wheels.

    Attributes:
        track: distance between the wheels, metres.
        scale: standard deviation of each wheel's constant scale error (tyre pressure, wear).
        speed: standard deviation of the noise on each wheel's distance, metres per square root of metre driven.
        slip_interval: mean time between slips, seconds.
        slip_seconds: longest slip, seconds.
        slip_share: largest share by which a slipping wheel reports too much.
    """

    track: float = 0.35
    scale: float = 0.003
    speed: float = 0.002
    slip_interval: float = 40.0
    slip_seconds: float = 0.8
    slip_share: float = 0.15

    def times(self, factor: float) -> WheelNoise:
        """Noise with all errors this many times as large; slips are as frequent and as long as before.

        Raises:
            ConfigError: the factor is negative or not finite.
        """
        if not 0.0 <= factor < np.inf:
            raise ConfigError(
                f"errors of the wheel odometry cannot be {factor} times as large: give a number from 0 (no errors) on"
            )
        return replace(self, scale=factor * self.scale, speed=factor * self.speed, slip_share=factor * self.slip_share)


@dataclass(frozen=True)
class WheelOdometry:
    """Odometry of a drive at the trajectory's times.

    Attributes:
        odom: poses of base_link in the odom frame, which starts where the robot starts.
        twists: reported forward (m/s) and turning (rad/s) speed (N, 2).
    """

    odom: Trajectory
    twists: Array

    def twist_at(self, time: float) -> tuple[float, float]:
        """Forward and turning speed at a time (seconds)."""
        forward, turning = (float(np.interp(time, self.odom.times, self.twists[:, k])) for k in range(2))
        return forward, turning


def measure(trajectory: Trajectory, random_seed: int | Sequence[int], noise: WheelNoise | None = None) -> WheelOdometry:
    """Simulate the odometry that the robot measures on a drive; the same seed gives the same errors."""
    noise = noise or WheelNoise()
    random = np.random.default_rng(random_seed)
    forward, turning = _body_motion(trajectory.poses)
    left, right = forward - turning * noise.track / 2, forward + turning * noise.track / 2
    measured = []
    for distance in (left, right):
        factor = 1.0 + noise.scale * random.standard_normal() + _slip(random, len(distance), noise)
        error = noise.speed * np.sqrt(np.abs(distance)) * random.standard_normal(len(distance))
        measured.append(distance * factor + error)
    forward, turning = (measured[0] + measured[1]) / 2, (measured[1] - measured[0]) / noise.track
    heading = np.r_[0.0, np.cumsum(turning)]
    half = heading[:-1] + turning / 2
    x, y = np.r_[0.0, np.cumsum(forward * np.cos(half))], np.r_[0.0, np.cumsum(forward * np.sin(half))]
    twists = np.column_stack([forward, turning]) / TIME_STEP
    return WheelOdometry(
        Trajectory(trajectory.times, np.column_stack([x, y, heading])), np.concatenate([twists, twists[-1:]])
    )


def _body_motion(poses: Array) -> tuple[Array, Array]:
    """Signed distance forward (N-1,) in metres and turn (N-1,) in radians between samples."""
    turning = np.diff(poses[:, 2])
    step = np.diff(poses[:, :2], axis=0)
    half = poses[:-1, 2] + turning / 2
    return step[:, 0] * np.cos(half) + step[:, 1] * np.sin(half), np.asarray(turning)


def _slip(random: np.random.Generator, samples: int, noise: WheelNoise) -> Array:
    """Extra share (N,) of the distance that a slipping wheel reports."""
    extra = np.zeros(samples)
    time = float(random.exponential(2 * noise.slip_interval))  # each of the two wheels slips half as often
    while time < samples * TIME_STEP:
        first = int(time / TIME_STEP)
        last = first + max(1, int(random.uniform(0.3, 1.0) * noise.slip_seconds / TIME_STEP))
        extra[first:last] = random.uniform(0.3, 1.0) * noise.slip_share
        time += float(random.exponential(2 * noise.slip_interval))
    return extra
