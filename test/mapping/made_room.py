"""Drives in a room without furniture: paths of the base, odometry with errors, and exact features of points."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry import planar, se3
from localization_common.keyframes.features import Features, root_sift
from localization_common.keyframes.retrieval import THUMBNAIL
from localization_mapping.keyframe_set import KeyframeSet, StoredFeatures

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

CAMERA = Camera.from_field_of_view(240, 180, 80.0)
#: Length, width and height of the room in metres; its walls stand at the middle +- half of it, its floor at z = 0.
ROOM = np.array([6.0, 5.0, 2.5])
#: Camera half a metre above the floor, ahead of the base, that looks ahead.
MOUNT = se3.BODY_T_OPTICAL.copy()
MOUNT[:3, 3] = [0.1, 0.0, 0.5]


def circle(count: int, *, turns: float = 1.2, radius: float = 1.0, start: float = 0.0) -> Array:
    """Return poses (count, 4, 4) of the base on a circle around the middle of the room; it looks along its way."""
    angle = start + 2.0 * np.pi * turns * np.arange(count) / (count - 1)
    heading = angle + np.pi / 2.0
    return planar.to_se3(np.stack([radius * np.cos(angle), radius * np.sin(angle), heading], axis=1))


def odometry(
    map_T_base: Array,
    *,
    scale: float = 1.0,
    turning: float = 1.0,
    metres: float = 0.0,
    degrees: float = 0.0,
    seed: int = 0,
) -> Array:
    """Return odometry (N, 4, 4) of true poses, in a frame of its own.

    Args:
        map_T_base: true poses, in a plane.
        scale: factor of measured distances.
        turning: factor of measured rotations.
        metres, degrees: standard deviations of one motion.
        seed: seed of these errors.
    """
    rng = np.random.default_rng(seed)
    motions = planar.from_se3(se3.inverse(map_T_base[:-1]) @ map_T_base[1:])
    motions = motions * [scale, scale, turning] + rng.normal(size=motions.shape) * [metres, metres, np.radians(degrees)]
    poses = [np.eye(4)]
    for motion in planar.to_se3(motions):
        poses.append(poses[-1] @ motion)
    return np.stack(poses)


def points_on_walls(count: int, seed: int = 0) -> tuple[Array, npt.NDArray[np.float32]]:
    """Return points (count, 3) on the four walls and some of them up to half a metre before, with descriptors."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (count, 3)) * ROOM + [0.0, 0.0, ROOM[2] / 2.0]
    wall = rng.integers(0, 4, count)
    axis, side = wall % 2, np.where(wall < 2, -1.0, 1.0)
    points[np.arange(count), axis] = side * (ROOM[axis] / 2.0 - rng.uniform(0.0, 0.5, count))
    return points, root_sift(rng.gamma(0.3, size=(count, 128)).astype(np.float32))


def views(
    points: Array, descriptors: npt.NDArray[np.float32], map_T_camera: Array, *, noise: float = 0.0, seed: int = 2
) -> tuple[list[Features], list[Indices]]:
    """Return the features of each camera, in random order, and the points that they show.

    Args:
        points: (P, 3) points.
        descriptors: (P, 128) their looks.
        map_T_camera: (K, 4, 4) poses.
        noise: standard deviation of a ray, pixels.
        seed: seed of order and noise.
    """
    rng = np.random.default_rng(seed)
    found, shown = [], []
    for pose in map_T_camera:
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        ahead = np.flatnonzero(local[:, 2] > 0.3)
        rays = local[ahead, :2] / local[ahead, 2:]
        order = rng.permutation(np.flatnonzero(CAMERA.sees(rays)))
        which = ahead[order]
        seen = rays[order] + noise / CAMERA.fx * rng.normal(size=(len(order), 2))
        found.append(Features(seen, descriptors[which], np.full(len(which), 0.02)))
        shown.append(which)
    return found, shown


def depths(points: Array, shown: Sequence[Indices], map_T_camera: Array) -> list[npt.NDArray[np.float32]]:
    """Return the depth (N,) of each camera's points."""
    pairs = zip(shown, map_T_camera, strict=True)
    return [((points[which] - pose[:3, 3]) @ pose[:3, 2]).astype(np.float32) for which, pose in pairs]


def keyframes_of(
    features: Sequence[Features],
    odom_T_base: Array,
    *,
    drive: int = 0,
    depth: Sequence[npt.NDArray[np.float32]] | None = None,
) -> KeyframeSet:
    """Return keyframes of one drive, which are every second frame; without depths, if none are given."""
    count = len(features)
    unknown = [np.full(len(f), np.nan, dtype=np.float32) for f in features]
    return KeyframeSet(
        drive=np.full(count, drive),
        position=2 * np.arange(count),
        odom_T_base=odom_T_base,
        motion_factor=np.ones(count),
        base_T_camera=np.tile(MOUNT, (count, 1, 1)),
        features=StoredFeatures.of(features, unknown if depth is None else depth),
        thumbnails=np.random.default_rng(drive).integers(0, 255, (count, THUMBNAIL), dtype=np.uint8),
        focal=CAMERA.fx,
    )


def made_keyframes(
    map_T_base: Array, *, odom_T_base: Array | None = None, drive: int = 0, noise: float = 0.0, count: int = 1500
) -> KeyframeSet:
    """Return keyframes with the features of one room from true poses; odometry is right if none is given."""
    points, looks = points_on_walls(count)
    features, _ = views(points, looks, map_T_base @ MOUNT, noise=noise, seed=2 + drive)
    return keyframes_of(features, odometry(map_T_base) if odom_T_base is None else odom_T_base, drive=drive)


def errors(found: Array, true: Array) -> tuple[Array, Array]:
    """Return position errors (K,) in metres and rotation errors (K,) in degrees of poses (K, 4, 4)."""
    metres = np.linalg.norm(found[:, :3, 3] - true[:, :3, 3], axis=1)
    return metres, np.degrees(se3.rotation_angle(true[:, :3, :3].swapaxes(1, 2) @ found[:, :3, :3]))


def shifted(x: float, y: float, degrees: float) -> Array:
    """Return a transform (4, 4) in the plane."""
    return np.asarray(planar.to_se3(np.array([x, y, np.radians(degrees)])))


def turned(degrees: Sequence[float]) -> Array:
    """Return a transform (4, 4) with a rotation vector (3,) in degrees."""
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.radians(np.asarray(degrees, dtype=np.float64)))[0]
    return pose


def tick() -> None:
    """Show no progress."""
