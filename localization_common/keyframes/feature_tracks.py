"""Tracks: features of several keyframes that show the same point, by matches that agree with the given poses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from localization_common.errors import ConfigError
from localization_common.geometry import se3
from localization_common.keyframes.features import Features

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class MatchingConfig:
    """Parameters of the matching of features between keyframes.

    Attributes:
        nearest: number of the closest keyframes with which each is compared.
        spread: number of further ones, evenly chosen among those with a similar direction.
        metres: largest distance between two keyframes.
        degrees: largest rotation between two keyframes.
        ratio: largest ratio of a match's distance to that of the second best one.
        epipolar: largest distance from the epipolar line, as a share of the focal length; allows for errors of poses.
    """

    nearest: int = 6
    spread: int = 8
    metres: float = 0.7
    degrees: float = 35.0
    ratio: float = 0.85
    epipolar: float = 0.02

    def __post_init__(self) -> None:
        if self.nearest < 1 or self.spread < 0:
            raise ConfigError(f"{self}: nearest must be at least 1, spread at least 0")
        if min(self.metres, self.degrees, self.epipolar) <= 0.0 or not 0.0 < self.ratio <= 1.0:
            raise ConfigError(f"{self}: metres, degrees and epipolar must be positive, ratio between 0 and 1")


@dataclass(frozen=True)
class FeatureTracks:
    """Observations of points, one a row.

    Attributes:
        point: (O,) index of the point, 0..P-1.
        keyframe: (O,) index of the keyframe that saw it; each keyframe sees a point at most once.
        feature: (O,) index of the feature in that keyframe.
    """

    point: Indices
    keyframe: Indices
    feature: Indices

    @property
    def points(self) -> int:
        """Number of points."""
        return int(self.point.max(initial=-1)) + 1

    def observed(self, values: Sequence[npt.NDArray[Value]]) -> npt.NDArray[Value]:
        """Return the values (O, ...) of the observations, from the values of each keyframe's features."""
        first = np.cumsum([0, *(len(v) for v in values)])
        return np.asarray(np.concatenate(values)[first[self.keyframe] + self.feature])

    def keep(self, kept: npt.NDArray[np.bool_], *, least: int = 3) -> tuple[FeatureTracks, Indices]:
        """Return the tracks of the kept observations of points with at least ``least`` of them, and these points."""
        count = np.bincount(self.point[kept], minlength=self.points)
        kept = kept & (count[self.point] >= least)
        points, renumbered = np.unique(self.point[kept], return_inverse=True)
        return FeatureTracks(renumbered.astype(np.int64), self.keyframe[kept], self.feature[kept]), points


@dataclass(frozen=True)
class PairMatches:
    """Matched features of two keyframes.

    Attributes:
        a, b: indices of the keyframes.
        left, right: (M,) indices of the features in a and in b.
    """

    a: int
    b: int
    left: Indices
    right: Indices


def find_tracks(
    features: Sequence[Features], map_T_camera: Array, config: MatchingConfig, *, least: int = 3
) -> FeatureTracks:
    """Find points that at least ``least`` keyframes saw.

    Args:
        features: features of each keyframe.
        map_T_camera: (K, 4, 4) poses of the keyframes.
        config: parameters of the matching.
    """
    matches = [match_features(features, a, b, config.ratio) for a, b in neighbours(map_T_camera, config)]
    return join_matches(matches, [f.rays for f in features], map_T_camera, epipolar=config.epipolar, least=least)


def match_features(features: Sequence[Features], a: int, b: int, ratio: float) -> PairMatches:
    """Match the features of two keyframes by their descriptors."""
    similarity = np.asarray(features[a].descriptors @ features[b].descriptors.T)
    return PairMatches(a, b, *mutual_best(similarity, ratio))


def join_matches(
    matches: Sequence[PairMatches], rays: Sequence[Array], map_T_camera: Array, *, epipolar: float, least: int = 3
) -> FeatureTracks:
    """Join the matches that lie on each other's epipolar lines to points that at least ``least`` keyframes saw.

    Args:
        matches: matches of pairs of keyframes.
        rays: rays (N, 2) of each keyframe's features.
        map_T_camera: (K, 4, 4) poses of the keyframes.
        epipolar: largest distance from the epipolar line at depth one.
        least: smallest number of keyframes that saw a point.
    """
    first = np.cumsum([0, *(len(r) for r in rays)])
    edges = [np.empty((2, 0), dtype=np.int64)]
    for m in matches:
        b_T_a = se3.inverse(map_T_camera[m.b]) @ map_T_camera[m.a]
        fits = sampson_distance(rays[m.a][m.left], rays[m.b][m.right], b_T_a) < epipolar
        edges.append(np.stack([m.left[fits] + first[m.a], m.right[fits] + first[m.b]]))
    rows, columns = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(first[-1], first[-1]))
    label = connected_components(graph, directed=False)[1].astype(np.int64)
    keyframe = np.repeat(np.arange(len(rays)), np.diff(first))
    feature = np.arange(first[-1]) - first[keyframe]
    # Two observations of a point in one keyframe are two different points; both are removed.
    _, pair, times = np.unique(label * len(rays) + keyframe, return_inverse=True, return_counts=True)
    joined = FeatureTracks(label, keyframe, feature)
    return joined.keep(times[pair] == 1, least=least)[0]


def neighbours(map_T_camera: Array, config: MatchingConfig) -> Iterator[tuple[int, int]]:
    """Yield pairs of keyframes that may see the same points."""
    pairs = set()
    for a, pose in enumerate(map_T_camera):
        metres = np.linalg.norm(map_T_camera[:, :3, 3] - pose[:3, 3], axis=1)
        near = np.nonzero((metres < config.metres) & (metres > 1e-3))[0]
        turned = se3.rotation_angle(map_T_camera[near, :3, :3].transpose(0, 2, 1) @ pose[:3, :3])
        similar = turned < np.radians(config.degrees)
        near, turned = near[similar], turned[similar]
        near = near[np.argsort(metres[near] / config.metres + turned / np.radians(config.degrees))]
        further = near[config.nearest :]
        spread = further[:: max(1, len(further) // max(1, config.spread))][: config.spread]
        pairs |= {(min(a, int(b)), max(a, int(b))) for b in (*near[: config.nearest], *spread)}
    yield from sorted(pairs)


def mutual_best(similarity: npt.NDArray[np.float32], ratio: float) -> tuple[Indices, Indices]:
    """Return rows and columns that are each other's best match, if it passes the ratio test within the row.

    Args:
        similarity: (A, B) products of descriptors of length one.
        ratio: largest ratio of the best distance to the second best.
    """
    if min(similarity.shape) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    first = similarity[rows, best]
    others = similarity.copy()
    others[rows, best] = -1.0
    second = others.max(axis=1)
    clear = rows[np.sqrt(np.maximum(2 - 2 * first, 0)) < ratio * np.sqrt(np.maximum(2 - 2 * second, 0))]
    # Only the columns that a clear row chose; the first of equally similar rows wins.
    chosen = clear[similarity[:, best[clear]].argmax(axis=0) == clear]
    return chosen, best[chosen]


def sampson_distance(a: Array, b: Array, b_T_a: Array) -> Array:
    """Return first-order distances (M,) of ray pairs from the epipolar constraint (Hartley and Zisserman, 11.4.3)."""
    essential = se3.cross_matrix(b_T_a[:3, 3]) @ b_T_a[:3, :3]
    rays_a, rays_b = (np.column_stack([rays, np.ones(len(rays))]) for rays in (a, b))
    lines_b, lines_a = rays_a @ essential.T, rays_b @ essential
    size = np.sqrt((lines_b[:, :2] ** 2).sum(axis=1) + (lines_a[:, :2] ** 2).sum(axis=1))
    return np.asarray(np.abs((lines_b * rays_b).sum(axis=1)) / np.maximum(size, 1e-12))
