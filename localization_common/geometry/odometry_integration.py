"""Odometry of the robot from the camera's motion between frames, for live nodes and for bags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transforms3d import quaternions

from localization_common.geometry import planar, se3

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OdometrySample:
    """Odometry at one image.

    Attributes:
        stamp: stamp of the image in nanoseconds.
        odom_T_base: (4, 4) integrated pose; the odom frame is the base on the first frame.
        covariance: (6, 6) of x y z rX rY rZ about the odom frame's axes; grows with the distance.
        twist: (6,) velocity (m/s, rad/s) of the base in its own axes; zero on a first frame.
        twist_covariance: (6, 6) covariance of the twist.
    """

    stamp: int
    odom_T_base: Array
    covariance: Array
    twist: Array
    twist_covariance: Array


class OdometryIntegrator:
    """Integrate relative camera motions to a smooth pose of the base that is never relocalised.

    A frame without a relative motion (the first one, or the first after a gap) keeps the pose.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new odom frame at the base."""
        self._odom_T_base: Array = np.eye(4)
        self._covariance: Array = np.zeros((6, 6))
        self._stamp: int | None = None
        self._base_T_camera: Array | None = None

    def step(
        self, stamp: int, previous_T_camera: Array | None, motion_covariance: Array | None, base_T_camera: Array
    ) -> OdometrySample:
        """Odometry after one more frame.

        Args:
            stamp: stamp of the image in nanoseconds.
            previous_T_camera: (4, 4) motion since the previous frame (`Estimate.previous_T_camera`), or None.
            motion_covariance: (6, 6) covariance of that motion about the previous optical frame's axes, or None.
            base_T_camera: (4, 4) mount of the camera.
        """
        seconds = 0.0 if self._stamp is None else (stamp - self._stamp) * 1e-9
        twist, twist_covariance = np.zeros(6), np.zeros((6, 6))
        if previous_T_camera is not None:
            before = base_T_camera if self._base_T_camera is None else self._base_T_camera
            step = before @ previous_T_camera @ se3.inverse(base_T_camera)
            lever = previous_T_camera[:3, :3] @ se3.inverse(base_T_camera)[:3, 3]
            noise = np.zeros((6, 6)) if motion_covariance is None else motion_covariance
            noise = rotate_covariance(shift_covariance(noise, lever), before[:3, :3])
            self._advance(step, noise)
            if seconds > 0.0:
                twist = se3.log(step) / seconds
                twist_covariance = rotate_covariance(noise, step[:3, :3].T) / seconds**2
        self._stamp, self._base_T_camera = stamp, base_T_camera
        return OdometrySample(stamp, self._odom_T_base.copy(), self._covariance.copy(), twist, twist_covariance)

    def _advance(self, step: Array, noise: Array) -> None:
        """Append a motion in the base's axes; an error of the heading so far moves all later positions."""
        rotation = self._odom_T_base[:3, :3]
        travelled = rotation @ step[:3, 3]
        self._covariance = shift_covariance(self._covariance, travelled) + rotate_covariance(noise, rotation)
        self._odom_T_base = self._odom_T_base @ step
        # Thousands of products would slowly leave SO(3); the conversion to a quaternion restores the norm.
        self._odom_T_base[:3, :3] = quaternions.quat2mat(quaternions.mat2quat(self._odom_T_base[:3, :3]))


class PlanarOdometry:
    """Planar pose from any odometry: each motion is projected to the robot's own plane, then appended.

    Projecting the integrated pose instead would let a slow drift of roll and pitch shorten every later step.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the pose; the next one starts at the origin."""
        self._pose: Array = np.zeros(3)
        self._odom_T_base: Array | None = None

    def restart(self) -> None:
        """Keep the pose; no motion joins the next odometry to the one before."""
        self._odom_T_base = None

    def step(self, odom_T_base: Array) -> Array:
        """Planar pose (3,) after the odometry reached this pose (4, 4)."""
        if self._odom_T_base is not None:
            motion = se3.inverse(self._odom_T_base) @ odom_T_base
            self._pose = planar.compose(self._pose, planar.from_se3(motion))
        self._odom_T_base = odom_T_base.copy()
        return self._pose.copy()


def planar_odometry(odom_T_base: Array, known: npt.NDArray[np.bool_] | None = None) -> Array:
    """Planar odometry (N, 3) of poses (N, 4, 4), as `PlanarOdometry`, metres and radians.

    Args:
        odom_T_base: poses in the order of their time.
        known: (N,) True where there is a pose; the others are NaN. None: all.
    """
    flat, poses = PlanarOdometry(), np.full((len(odom_T_base), 3), np.nan)
    for i in range(len(odom_T_base)) if known is None else np.flatnonzero(known).tolist():
        poses[i] = flat.step(odom_T_base[i])
    return poses


def shift_covariance(covariance: Array, lever: Array) -> Array:
    """Covariance (6, 6) of another point of the same body, which is ``lever`` (3,) away from the known point.

    Both covariances are about the same axes, in which the lever is given; an error of the rotation moves the point by
    rotation x lever.
    """
    jacobian = np.eye(6)
    jacobian[:3, 3:] = -se3.cross_matrix(lever)
    return np.asarray(jacobian @ covariance @ jacobian.T)


def rotate_covariance(covariance: Array, rotation: Array) -> Array:
    """Covariance (6, 6) about the axes a, from the covariance about the axes b, with a_R_b (3, 3)."""
    both = np.zeros((6, 6))
    both[:3, :3] = both[3:, 3:] = rotation
    return np.asarray(both @ covariance @ both.T)


def base_covariance(covariance: Array, map_T_camera: Array, base_T_camera: Array) -> Array:
    """Covariance (6, 6) of map_T_base about the map's axes, from that of map_T_camera about the same axes."""
    lever = map_T_camera[:3, :3] @ se3.inverse(base_T_camera)[:3, 3]
    return shift_covariance(covariance, lever)
