"""Loop closures: relative poses of keyframes that look alike, within a drive and between drives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.feature_tracks import match_features
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.refinement.pose_solver import PoseSolution, solve
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.local_structure import RATIO
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Tick
from localization_mapping.threads import in_threads

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Keyframes of one drive that are closer in order than this are joined by odometry, not by a closure.
NEARBY = 10
#: Standard deviation of rays at depth one for points triangulated by odometry; largest error of an inlier in it.
_NOISE, _INLIER = 0.004, 4.0
#: Smallest share of the matches with a point that agree with the pose.
_SHARE = 0.4
#: Number of closures of one keyframe to its own drive, and to the others, after which no more are tried.
_ENOUGH = 2


@dataclass(frozen=True)
class Closure:
    """Relative pose of two keyframes that see the same points.

    Attributes:
        a, b: indices of the keyframes.
        a_T_b: (4, 4) pose of camera b in camera a.
        covariance: (6, 6) of x y z rX rY rZ about the axes of camera a.
        inliers: number of matches that agree.
    """

    a: int
    b: int
    a_T_b: Array
    covariance: Array
    inliers: int


def find_closures(
    keyframes: KeyframeSet, points: Sequence[Array], options: MappingOptions, tick: Tick, *, first: int = 0
) -> list[Closure]:
    """Compare each keyframe with the most similar ones elsewhere, and solve for their relative poses.

    Args:
        keyframes: keyframes of all drives.
        points: (N, 3) local points of each keyframe's features (`local_points`).
        options: parameters of the mapping.
        tick: called after each keyframe.
        first: first keyframe to compare; those before are known to each other.
    """

    def closures_of(item: tuple[int, tuple[Indices, Indices]]) -> list[Closure]:
        k, groups = item
        found: list[Closure] = []
        for others in groups:
            related = (relate(keyframes, points, k, other, options.closure_inliers) for other in others.tolist())
            found += islice((closure for closure in related if closure is not None), _ENOUGH)
        return found

    found = in_threads(closures_of, similar_keyframes(keyframes, options.similar, first), tick)
    return [closure for some in found for closure in some]


def similar_keyframes(keyframes: KeyframeSet, count: int, first: int) -> Iterator[tuple[int, tuple[Indices, Indices]]]:
    """Yield keyframes from the first one on, each with the most similar earlier ones of its own and earlier drives."""
    order = np.arange(len(keyframes))
    vectors = ImageVectors.of([features.descriptors for features in keyframes.features])
    if vectors is None:
        return
    for k in order[first:].tolist():
        similarity = vectors.similarity_to(k)
        own = np.flatnonzero((keyframes.drive == keyframes.drive[k]) & (order < k - NEARBY))
        before = np.flatnonzero(keyframes.drive < keyframes.drive[k])
        ranked = (those[np.argsort(-similarity[those])] for those in (own, before))
        yield k, (_apart(next(ranked), count), _apart(next(ranked), count))


def _apart(ranked: Indices, count: int) -> Indices:
    """Return the first keyframes of a ranking, without neighbours of those before."""
    chosen: list[int] = []
    for k in ranked.tolist():
        if len(chosen) == count:
            break
        if all(abs(k - other) > 1 for other in chosen):
            chosen.append(k)
    return np.array(chosen, dtype=np.int64)


def relate(keyframes: KeyframeSet, points: Sequence[Array], a: int, b: int, least: int) -> Closure | None:
    """Solve for the pose of camera b in camera a, with the local points of the one that knows more of the matches."""
    matches = match_features(keyframes.features, a, b, RATIO)
    left, right = matches.left, matches.right
    in_a, in_b = np.isfinite(points[a][left, 2]), np.isfinite(points[b][right, 2])
    if in_a.sum() >= in_b.sum():
        solution = _pose(points[a][left[in_a]], _rays(keyframes, b, right[in_a]), least)
        return None if solution is None else _closure(a, b, solution)
    solution = _pose(points[b][right[in_b]], _rays(keyframes, a, left[in_b]), least)
    return None if solution is None else _closure(b, a, solution)


def _rays(keyframes: KeyframeSet, k: int, features: Indices) -> Array:
    return keyframes.features.rays[keyframes.features.rows(k)][features].astype(np.float64)


def _pose(points: Array, rays: Array, least: int) -> PoseSolution | None:
    solution = solve(points, rays, noise=_NOISE, inlier=_INLIER, least=least)
    return None if solution is None or solution.inliers.mean() < _SHARE else solution


def _closure(a: int, b: int, solution: PoseSolution) -> Closure:
    covariance = np.asarray(np.linalg.inv(solution.information) * max(1.0, solution.chi2), dtype=np.float64)
    return Closure(a, b, solution.map_T_camera, covariance, int(solution.inliers.sum()))
