"""Synthetic points before cameras, and features with exact rays and descriptors."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.keyframes.features import Features, root_sift
from localization_common.keyframes.frame_correction import FrameCorrection
from localization_common.keyframes.keyframe_map import KeyframeMap, to_bytes
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.retrieval import THUMBNAIL

Array = npt.NDArray[np.float64]

CAMERA = Camera.from_field_of_view(320, 240, 80.0)
#: Standard deviation of a ray: half a pixel.
NOISE = 0.5 / CAMERA.fx
#: Pose of the scene in the map, without common axes.
MAP_T_SCENE = se3.from_parts([1.0, -2.0, 0.5], [0.8, 0.3, -0.4, 0.33])


def scene(count: int, seed: int = 0) -> tuple[Array, npt.NDArray[np.float32]]:
    """Return points (count, 3) in the map, 2 to 5 m before `cameras`, and their descriptors (count, 128)."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-2.0, -1.5, 2.0], [2.0, 1.5, 5.0], (count, 3))
    descriptors = root_sift(rng.gamma(0.3, size=(count, 128)).astype(np.float32))
    return points @ MAP_T_SCENE[:3, :3].T + MAP_T_SCENE[:3, 3], descriptors


def cameras(count: int, seed: int = 1, *, metres: float = 0.3, degrees: float = 5.0) -> Array:
    """Return poses (count, 4, 4), map_T_camera, around the one that looks straight at the scene."""
    rng = np.random.default_rng(seed)
    return np.stack([MAP_T_SCENE @ small(rng, metres, degrees) for _ in range(count)])


def small(rng: np.random.Generator, metres: float, degrees: float) -> Array:
    """Return a transform (4, 4) with uniformly drawn coordinates up to these limits."""
    moved = np.eye(4)
    moved[:3, :3] = cv2.Rodrigues(np.radians(degrees) * rng.uniform(-1.0, 1.0, 3))[0]
    moved[:3, 3] = metres * rng.uniform(-1.0, 1.0, 3)
    return moved


def rays_of(points: Array, map_T_camera: Array) -> Array:
    """Return rays (N, 2) at depth one of points (N, 3) before a camera (4, 4)."""
    local = (points - map_T_camera[:3, 3]) @ map_T_camera[:3, :3]
    assert (local[:, 2] > 0.1).all()
    return local[:, :2] / local[:, 2:]


def features_of(
    points: Array, descriptors: npt.NDArray[np.float32], map_T_camera: Array, *, noise: float = 0.0, seed: int = 2
) -> tuple[Features, npt.NDArray[np.int64]]:
    """Return features of the points that `CAMERA` sees, in random order, and the indices of the points."""
    rng = np.random.default_rng(seed)
    rays = rays_of(points, map_T_camera)
    which = rng.permutation(np.nonzero(CAMERA.sees(rays))[0])
    seen = rays[which] + noise * rng.normal(size=(len(which), 2))
    return Features(seen, descriptors[which], np.full(len(which), 0.02)), which


def make_map(points: Array, looks: npt.NDArray[np.float32], keyframes: Array, **changes: object) -> KeyframeMap:
    """Return a map of points with the appearances from the first keyframe, without a correction of poses."""
    sight = points - keyframes[0, :3, 3]
    metres = np.linalg.norm(sight, axis=1)
    values: dict[str, object] = {
        "points": points.astype(np.float32),
        "descriptors": to_bytes(looks),
        "appearance_point": np.arange(len(points), dtype=np.int32),
        "directions": (sight / metres[:, None]).astype(np.float32),
        "ranges": metres.astype(np.float32),
        "correction": FrameCorrection(keyframes, keyframes, 0.07, 0.12, np.zeros((2, 6))),
        "thumbnails": np.random.default_rng(3).integers(0, 255, (len(keyframes), THUMBNAIL), dtype=np.uint8),
        "repeated_view": np.zeros(len(keyframes), dtype=np.bool_),
        "lens": LensCorrection(),
        "focal": CAMERA.fx,
        "features": 800,
        "covariance_scale": 1.0,
        "noise": NOISE,
        "card": {},
    }
    return KeyframeMap(**(values | changes))  # type: ignore[arg-type]


def angle_deg(a: Array, b: Array) -> float:
    """Return degrees between the rotations of two poses."""
    return float(np.degrees(se3.rotation_angle(a[:3, :3].T @ b[:3, :3])))


def stacked(features: Sequence[Features]) -> Array:
    """Return rays (F, 2) of all features."""
    return np.concatenate([f.rays for f in features])
