"""Which features of several keyframes are the same point: matches that agree with the known poses, joined."""

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
from vlocnet_ros.keyframes.features import Descriptors, Features

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class MatchingConfig:
    """Which keyframes are compared, and which of their features are taken for the same.

    Attributes:
        nearest: closest keyframes that each is compared with.
        spread: further ones, evenly chosen among those that look the same way.
        metres: two keyframes are at most so far apart.
        degrees: and turned by at most so much.
        ratio: a match's distance is at most this share of the second best one's.
        epipolar: distance from the epipolar line at most, as a share of the focal length; poses may be off.
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
        point: (O,) 0..P-1.
        keyframe: (O,) which keyframe saw it; each point at most once.
        feature: (O,) which of that keyframe's features it was.
    """

    point: Indices
    keyframe: Indices
    feature: Indices

    @property
    def points(self) -> int:
        """Number of points."""
        return int(self.point.max(initial=-1)) + 1

    def observed(self, values: Sequence[npt.NDArray[Value]]) -> npt.NDArray[Value]:
        """(O, ...) of the observations, of what each keyframe has for each of its features."""
        first = np.cumsum([0, *(len(v) for v in values)])
        return np.asarray(np.concatenate(values)[first[self.keyframe] + self.feature])

    def keep(self, kept: npt.NDArray[np.bool_], *, least: int = 3) -> tuple[FeatureTracks, Indices]:
        """Tracks of the kept observations, of points with still ``least`` of them; and which points these are."""
        count = np.bincount(self.point[kept], minlength=self.points)
        kept = kept & (count[self.point] >= least)
        points, renumbered = np.unique(self.point[kept], return_inverse=True)
        return FeatureTracks(renumbered.astype(np.int64), self.keyframe[kept], self.feature[kept]), points


def find_tracks(features: Sequence[Features], map_T_camera: Array, config: MatchingConfig) -> FeatureTracks:
    """Points that at least three keyframes saw.

    Args:
        features: of each keyframe.
        map_T_camera: (K, 4, 4) their poses.
    """
    first = np.cumsum([0, *(len(f) for f in features)])
    edges = [np.empty((2, 0), dtype=np.int64)]
    for a, b in neighbours(map_T_camera, config):
        matches = _matches(features[a], features[b], se3.inverse(map_T_camera[b]) @ map_T_camera[a], config)
        edges.append(matches + np.array([[first[a]], [first[b]]]))
    rows, columns = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(first[-1], first[-1]))
    label = connected_components(graph, directed=False)[1].astype(np.int64)
    keyframe = np.repeat(np.arange(len(features)), np.diff(first))
    feature = np.arange(first[-1]) - first[keyframe]
    # A point that one keyframe seems to see twice is two points there; neither is sure.
    _, pair, times = np.unique(label * len(features) + keyframe, return_inverse=True, return_counts=True)
    joined = FeatureTracks(label, keyframe, feature)
    return joined.keep(times[pair] == 1)[0]


def neighbours(map_T_camera: Array, config: MatchingConfig) -> Iterator[tuple[int, int]]:
    """Pairs of keyframes that may see the same."""
    pairs = set()
    for a, pose in enumerate(map_T_camera):
        metres = np.linalg.norm(map_T_camera[:, :3, 3] - pose[:3, 3], axis=1)
        turned = se3.rotation_angle(map_T_camera[:, :3, :3].transpose(0, 2, 1) @ pose[:3, :3])
        near = np.nonzero((metres < config.metres) & (turned < np.radians(config.degrees)) & (metres > 1e-3))[0]
        near = near[np.argsort(metres[near] / config.metres + turned[near] / np.radians(config.degrees))]
        further = near[config.nearest :]
        spread = further[:: max(1, len(further) // max(1, config.spread))][: config.spread]
        pairs |= {(min(a, int(b)), max(a, int(b))) for b in (*near[: config.nearest], *spread)}
    yield from sorted(pairs)


def mutual_best(similarity: npt.NDArray[np.float32], ratio: float) -> tuple[Indices, Indices]:
    """Rows and columns that are each other's best, clearly better than the row's second best.

    Args:
        similarity: (A, B) products of descriptors of length one.
        ratio: of the best distance to the second best, at most.
    """
    if min(similarity.shape) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    second, first = np.partition(similarity, -2, axis=1)[:, -2:].T
    clear = np.sqrt(np.maximum(2 - 2 * first, 0)) < ratio * np.sqrt(np.maximum(2 - 2 * second, 0))
    chosen = rows[clear & (similarity.argmax(axis=0)[best] == rows)]
    return chosen, best[chosen]


def _matches(a: Features, b: Features, b_T_a: Array, config: MatchingConfig) -> Indices:
    """(2, M) features of a and b that look alike and lie on each other's epipolar lines."""
    left, right = mutual_best(_similarity(a.descriptors, b.descriptors), config.ratio)
    off = sampson_distance(a.rays[left], b.rays[right], b_T_a)
    return np.stack([left, right])[:, off < config.epipolar]


def _similarity(a: Descriptors, b: Descriptors) -> npt.NDArray[np.float32]:
    return np.asarray(a @ b.T)


def sampson_distance(a: Array, b: Array, b_T_a: Array) -> Array:
    """(M,) first-order distances of ray pairs (M, 2) from the epipolar constraint (Hartley and Zisserman, 11.4.3)."""
    essential = se3.cross_matrix(b_T_a[:3, 3]) @ b_T_a[:3, :3]
    rays_a, rays_b = (np.column_stack([rays, np.ones(len(rays))]) for rays in (a, b))
    lines_b, lines_a = rays_a @ essential.T, rays_b @ essential
    size = np.sqrt((lines_b[:, :2] ** 2).sum(axis=1) + (lines_a[:, :2] ** 2).sum(axis=1))
    return np.asarray(np.abs((lines_b * rays_b).sum(axis=1)) / np.maximum(size, 1e-12))
