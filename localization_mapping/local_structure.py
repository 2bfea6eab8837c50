"""Local structure of keyframes: 3D points of their features, in the camera's own frame, before any map exists."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import match_features, sampson_distance
from localization_common.keyframes.triangulation import residuals, triangulate
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Numbers of keyframes before and after with which each keyframe is compared.
_APART = (1, 2, 4, 7)
#: Largest ratio of a match's distance to that of the second best one.
RATIO = 0.85
#: Largest errors of rays at depth one: from the epipolar line, and of a triangulated point.
_EPIPOLAR, _RESIDUAL = 0.015, 0.012
#: Smallest angle between two sights of a point, radians.
_PARALLAX = float(np.radians(2.0))


def local_points(keyframes: KeyframeSet, tick: Tick) -> list[Array]:
    """Compute the points (N, 3) of each keyframe's features in its camera's frame, metres; NaN where unknown.

    Depth is used where it is known. Elsewhere, points are triangulated with keyframes shortly before and after, whose
    motions the odometry measures well.
    """
    pose, drive = keyframes.odom_T_camera, keyframes.drive
    sights: list[list[tuple[Indices, Array, Array]]] = [[] for _ in range(len(keyframes))]
    for a in range(len(keyframes)):
        for apart in _APART:
            b = a + apart
            if b >= len(keyframes) or drive[a] != drive[b]:
                break
            _add_sights(keyframes, a, b, se3.inverse(pose[b]) @ pose[a], sights)
        tick()
    return [_points(keyframes, k, found) for k, found in enumerate(sights)]


def _add_sights(
    keyframes: KeyframeSet, a: int, b: int, b_T_a: Array, sights: list[list[tuple[Indices, Array, Array]]]
) -> None:
    """Add the matches of two keyframes to both: own feature, ray of the other, pose of the own camera in the other."""
    matches = match_features(keyframes.features, a, b, RATIO)
    left, right = matches.left, matches.right
    rays_a, rays_b = (keyframes.features.rays[keyframes.features.rows(k)].astype(np.float64) for k in (a, b))
    fits = sampson_distance(rays_a[left], rays_b[right], b_T_a) < _EPIPOLAR
    left, right = left[fits], right[fits]
    sights[a].append((left, rays_b[right], np.tile(b_T_a, (len(left), 1, 1))))
    sights[b].append((right, rays_a[left], np.tile(se3.inverse(b_T_a), (len(left), 1, 1))))


def _points(keyframes: KeyframeSet, k: int, sights: list[tuple[Indices, Array, Array]]) -> Array:
    """Triangulate the features of a keyframe from its own rays and the sights of others."""
    rows = keyframes.features.rows(k)
    own = keyframes.features.rays[rows].astype(np.float64)
    points = np.full((len(own), 3), np.nan)
    if sights:
        feature = np.concatenate([np.arange(len(own)), *(s[0] for s in sights)])
        rays = np.concatenate([own, *(s[1] for s in sights)])
        other_T_own = np.concatenate([np.tile(np.eye(4), (len(own), 1, 1)), *(s[2] for s in sights)])
        found = triangulate(rays, other_T_own, feature, len(own))
        off = residuals(found[feature], se3.inverse(other_T_own), rays)
        worst = np.zeros(len(own))
        np.maximum.at(worst, feature, off)
        wide = _parallax(found, feature, other_T_own) > _PARALLAX
        points = np.where(((worst < _RESIDUAL) & wide)[:, None], found, np.nan)
    measured = measured_points(keyframes, k)
    return np.where(np.isfinite(measured), measured, points)


def measured_points(keyframes: KeyframeSet, k: int) -> Array:
    """Return the points (N, 3) of a keyframe's features by their depth, in its camera's frame; NaN where unknown."""
    rows = keyframes.features.rows(k)
    rays, depth = keyframes.features.rays[rows].astype(np.float64), keyframes.features.depths[rows].astype(np.float64)
    return np.column_stack([rays, np.ones(len(rays))]) * depth[:, None]


def _parallax(points: Array, feature: Indices, other_T_own: Array) -> Array:
    """Largest angle (N,) at each point between the own sight and those of the others, radians."""
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = se3.inverse(other_T_own)[:, :3, 3]
        own, other = points[feature], points[feature] - centre
        cosine = (own * other).sum(axis=1) / (np.linalg.norm(own, axis=1) * np.linalg.norm(other, axis=1))
    widest = np.zeros(len(points))
    np.maximum.at(widest, feature, np.arccos(np.clip(np.nan_to_num(cosine, nan=1.0), -1.0, 1.0)))
    return widest
