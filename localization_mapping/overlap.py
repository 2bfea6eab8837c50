"""Pairs of keyframes that show the same points, by their poses and local points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]

#: Number of local points of a keyframe that stand for its view.
_SAMPLED = 40
#: Smallest share of the sampled points that the other keyframe sees, too.
_SHARE = 0.25
#: Largest angle between the sights of a point, radians, and largest ratio of its distances: SIFT does not match more.
_ANGLE, _RATIO = float(np.radians(40.0)), 2.0
#: Number of keyframes before and after that are always compared.
_SUCCESSORS = 6


def overlapping_pairs(
    map_T_camera: Array, points: list[Array], drive: npt.NDArray[np.int64], view: Array, *, most: int, first: int = 0
) -> list[tuple[int, int]]:
    """Return pairs (a, b), a < b, of keyframes whose views overlap.

    Args:
        map_T_camera: (K, 4, 4) poses of the keyframes.
        points: (N, 3) local points of each keyframe's features; rows of NaN are not known.
        drive: (K,) index of each keyframe's drive.
        view: (2, 2) smallest and largest rays at depth one that the camera sees.
        first: first new keyframe; pairs of two keyframes before it are left out.
        most: largest number of further keyframes that each is compared with, chosen evenly over those that overlap.
    """
    count = len(map_T_camera)
    pairs = {
        (k, k + apart)
        for apart in range(1, _SUCCESSORS + 1)
        for k in range(count - apart)
        if drive[k] == drive[k + apart]
    }
    camera_T_map = se3.inverse(map_T_camera)
    for k in range(first, count):
        known = points[k][np.isfinite(points[k][:, 2])]
        if len(known) == 0:
            continue
        sampled = known[np.linspace(0, len(known) - 1, min(_SAMPLED, len(known))).astype(np.int64)]
        share = _seen(sampled, map_T_camera[k], camera_T_map, view)
        near = (drive == drive[k]) & (np.abs(np.arange(count) - k) <= _SUCCESSORS)
        others = np.flatnonzero((share >= _SHARE) & ~near)
        others = others[np.argsort(-share[others], kind="stable")]
        for other in others[:: max(1, len(others) // most)][:most].tolist():
            pairs.add((min(k, other), max(k, other)))
    return sorted(pair for pair in pairs if pair[1] >= first)


def _seen(points: Array, map_T_own: Array, camera_T_map: Array, view: Array) -> Array:
    """Return the share (K,) of own points (N, 3) that each camera sees from a similar direction and distance."""
    other_T_own = camera_T_map @ map_T_own
    local = points @ other_T_own[:, :3, :3].swapaxes(1, 2) + other_T_own[:, None, :3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        rays = local[..., :2] / local[..., 2:]
    inside = (local[..., 2] > 0.1) & (rays > view[0]).all(axis=-1) & (rays < view[1]).all(axis=-1)
    here, there = np.linalg.norm(points, axis=1), np.linalg.norm(local, axis=-1)
    ratio = here / np.maximum(there, 1e-9)
    turned = points @ other_T_own[:, :3, :3].swapaxes(1, 2)
    cosine = (turned * local).sum(axis=-1) / np.maximum(here * there, 1e-9)
    alike = (cosine > np.cos(_ANGLE)) & (ratio < _RATIO) & (ratio > 1.0 / _RATIO)
    return np.asarray((inside & alike).mean(axis=1))
