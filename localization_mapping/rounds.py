"""Rounds of triangulation and adjustment, coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks, PairMatches, join_matches
from localization_common.keyframes.triangulation import residuals, triangulate
from localization_mapping.adjustment import Structure, adjust
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.motion_noise import MotionNoise, fitted
from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]

#: Rounds: largest distance from epipolar lines, standard deviation of rays, largest error of an observation; in pixels.
ROUNDS = ((8.0, 3.0, 12.0), (5.0, 1.5, 5.0), (3.0, 1.0, 3.0))
#: Smallest angle between two sights of a point, radians: others have no known distance.
_PARALLAX = float(np.radians(1.5))
#: Smallest number of points of a map.
_FEWEST = 50


def adjust_in_rounds(
    keyframes: KeyframeSet,
    map_T_base: Array,
    matches: Sequence[PairMatches],
    noise: MotionNoise | None,
    *,
    fixed: int = 0,
    tick: Tick,
) -> tuple[Structure, FeatureTracks]:
    """Adjust poses (K, 4, 4) of the base, and points that are triangulated anew in each round.

    The noise of the odometry is fitted after each round: robots differ, and so do floors.

    The first ``fixed`` poses stay.

    Returns:
        The structure, and its observations.

    Raises:
        DatasetError: too few points are seen from several keyframes.
    """
    rays, assumed = keyframes.features.image_rays, noise
    for epipolar, sigma, limit in ROUNDS:
        map_T_camera = map_T_base @ keyframes.base_T_camera
        joined = join_matches(matches, rays, map_T_camera, epipolar=epipolar / keyframes.focal)
        points, tracks = triangulated(keyframes, map_T_camera, joined, limit / keyframes.focal)
        structure = adjust(
            keyframes, Structure(map_T_base, points), tracks, noise, sigma=sigma / keyframes.focal, fixed=fixed
        )
        map_T_base = structure.map_T_base
        if assumed is not None:
            noise = fitted(assumed, *_motions(keyframes, map_T_base))
        tick()
    return _cleaned(keyframes, structure, tracks, ROUNDS[-1][2] / keyframes.focal)


def _cleaned(
    keyframes: KeyframeSet, structure: Structure, tracks: FeatureTracks, limit: float
) -> tuple[Structure, FeatureTracks]:
    """Remove observations with an error above the limit after the last adjustment, and points without enough others."""
    rays = keyframes.features.rays[keyframes.features.first[tracks.keyframe] + tracks.feature]
    poses = (structure.map_T_base @ keyframes.base_T_camera)[tracks.keyframe]
    kept, points = tracks.keep(residuals(structure.points[tracks.point], poses, rays.astype(np.float64)) < limit)
    return Structure(structure.map_T_base, structure.points[points]), kept


def _motions(keyframes: KeyframeSet, map_T_base: Array) -> tuple[Array, Array]:
    """Return the motions (M, 4, 4) between keyframes by odometry, and by the map."""
    a, b = np.array(list(keyframes.steps()), dtype=np.int64).reshape(-1, 2).T
    odom = keyframes.odom_T_base
    return se3.inverse(odom[a]) @ odom[b], se3.inverse(map_T_base[a]) @ map_T_base[b]


def triangulated(
    keyframes: KeyframeSet, map_T_camera: Array, tracks: FeatureTracks, limit: float
) -> tuple[Array, FeatureTracks]:
    """Triangulate points (P, 3) of observations with an error below the limit; drop those without parallax.

    Raises:
        DatasetError: too few points are left.
    """
    for last in (False, True):
        rows = keyframes.features.first[tracks.keyframe] + tracks.feature
        rays = keyframes.features.rays[rows].astype(np.float64)
        poses = map_T_camera[tracks.keyframe]
        points = triangulate(rays, se3.inverse(poses), tracks.point, tracks.points)
        good = residuals(points[tracks.point], poses, rays) < limit
        if last:
            good &= parallax(points, tracks, map_T_camera)[tracks.point] > _PARALLAX
        tracks, kept = tracks.keep(good)
        points = points[kept]
        if len(points) < _FEWEST:
            raise DatasetError(
                f"only {len(points)} points are seen from three places; did the camera move, is its calibration right, "
                "and do its images show texture?"
            )
    return points, tracks


def parallax(points: Array, tracks: FeatureTracks, map_T_camera: Array) -> Array:
    """Return the angle (P,) in radians between each point's first sight and the sight that differs most from it."""
    sight = points[tracks.point] - map_T_camera[tracks.keyframe, :3, 3]
    sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-9)
    first = np.zeros_like(points)
    first[tracks.point[::-1]] = sight[::-1]
    widest = np.zeros(len(points))
    np.maximum.at(widest, tracks.point, np.arccos(np.clip((sight * first[tracks.point]).sum(axis=1), -1.0, 1.0)))
    return widest
