"""Pose between confirmed frames, carried on by the odometry, and the limits up to which it is published; no ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_common.geometry.odometry_integration import shift_covariance
from localization_common.refinement.perturbation import isotropic
from vlocnet_ros.runtime.camera_motion import CameraStep, path_of
from vlocnet_ros.runtime.estimate import Health

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReckoningConfig:
    """Limits of dead reckoning, and the errors of the odometry.

    Errors of wheel odometry, such as a wrong radius, do not average out: they grow with the distance.

    Attributes:
        certain: largest standard deviations of position and rotation with which a pose is OK, metres and degrees.
        published: largest standard deviations with which a pose is published at all, metres and degrees.
        seconds: longest time without a confirmed frame for which a pose is published.
        metres_per_metre: standard deviation of the position per metre of the path.
        radians_per_metre: standard deviation of the rotation per metre of the path.
        radians_per_radian: standard deviation of the rotation per radian of the path.
    """

    certain: tuple[float, float] = (0.1, 3.0)
    published: tuple[float, float] = (0.25, 10.0)
    seconds: float = 30.0
    metres_per_metre: float = 0.03
    radians_per_metre: float = 0.01
    radians_per_radian: float = 0.03

    def __post_init__(self) -> None:
        if not all(0.0 < least <= most for least, most in zip(self.certain, self.published, strict=True)):
            raise ConfigError(f"{self}: certain must be positive, and not above published")
        if min(self.seconds, self.metres_per_metre, self.radians_per_metre, self.radians_per_radian) < 0.0:
            raise ConfigError(f"{self}: no number may be negative")


@dataclass(frozen=True)
class ReckonedPose:
    """Pose of a frame that was not confirmed.

    Attributes:
        map_T_camera: (4, 4) pose; the identity before the first confirmed frame.
        covariance: (6, 6) about the map's axes.
        health: trust in the pose.
        reason: reason of a health that is not OK.
    """

    map_T_camera: Array
    covariance: Array
    health: Health
    reason: str


@dataclass
class _Path:
    """Path since a confirmed frame: its pose and covariance, its stamp, the present pose, and how far that is."""

    confirmed: Array
    covariance: Array
    stamp: int
    pose: Array
    metres: float = 0.0
    radians: float = 0.0
    assumed: Array = field(default_factory=lambda: np.zeros((6, 6)))


class DeadReckoning:
    """Carries the last confirmed pose on.

    Args:
        config: limits.
    """

    def __init__(self, config: ReckoningConfig | None = None) -> None:
        self._config = config or ReckoningConfig()
        self.reset()

    def reset(self) -> None:
        """Forget the confirmed pose."""
        self._path: _Path | None = None

    def confirm(self, map_T_camera: Array, covariance: Array, stamp: int) -> None:
        """Begin anew at a confirmed pose (4, 4) with its covariance (6, 6) and the stamp of its frame."""
        self._path = _Path(map_T_camera, covariance, stamp, map_T_camera)

    def move(self, step: CameraStep) -> None:
        """Move the pose by the motion to the next frame; without a motion, forget it."""
        path = self._path
        if path is None or step.motion is None:
            self.reset()
            return
        path.pose = path.pose @ step.motion.previous_T_camera
        if step.measured:
            metres, radians = path_of(step.motion.previous_T_camera)
            path.metres, path.radians = path.metres + metres, path.radians + radians
        else:
            deviations = np.sqrt(path.assumed.diagonal()) + np.sqrt(step.motion.covariance.diagonal())
            path.assumed = np.diag(deviations**2)

    def at(self, stamp: int) -> ReckonedPose:
        """Return the pose of the frame at a stamp in nanoseconds, and whether it may be published."""
        path, config = self._path, self._config
        if path is None:
            return ReckonedPose(np.eye(4), np.zeros((6, 6)), Health.LOST, "no frame was confirmed yet")
        covariance = self._covariance(path)
        seconds = 1e-9 * (stamp - path.stamp)
        turned = np.degrees(path.radians)
        since = f"{path.metres:.1f} m, {turned:.0f} deg and {seconds:.1f} s since the last confirmed frame"
        if not _within(covariance, config.published) or not 0.0 <= seconds <= config.seconds:
            return ReckonedPose(path.pose, covariance, Health.LOST, f"{since}: the pose may be off by too much")
        health = Health.OK if _within(covariance, config.certain) else Health.UNCERTAIN
        return ReckonedPose(path.pose, covariance, health, "" if health is Health.OK else since)

    def _covariance(self, path: _Path) -> Array:
        """Return the covariance (6, 6); an error of the rotation acts as if it was there from the start of the path."""
        config = self._config
        turned = config.radians_per_metre * path.metres + config.radians_per_radian * path.radians
        start = path.covariance + isotropic(0.0, turned)
        moved = shift_covariance(start, path.pose[:3, 3] - path.confirmed[:3, 3])
        return np.asarray(moved + path.assumed + isotropic(config.metres_per_metre * path.metres, 0.0))


def _within(covariance: Array, limits: tuple[float, float]) -> bool:
    """True if the largest standard deviations of a covariance (6, 6) are within limits in metres and degrees."""
    variances = [float(np.linalg.eigvalsh(block)[-1]) for block in (covariance[:3, :3], covariance[3:, 3:])]
    metres, radians = np.sqrt(variances)
    return bool(metres <= limits[0] and np.degrees(radians) <= limits[1])
