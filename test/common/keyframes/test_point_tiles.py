"""Tiles of points: the same candidates as without them, from a few tiles of a large map."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from synthetic_views import CAMERA, NOISE, make_map, small

from localization_common.keyframes.features import root_sift
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.point_tiles import SIDE
from localization_common.refinement.candidates import candidates, field_of_view

VIEW = field_of_view(CAMERA, LensCorrection())
COUNT = 4000


def large_map() -> KeyframeMap:
    """Return a map of 60 x 40 m; each point has two appearances, from 1 to 4 m away."""
    rng = np.random.default_rng(0)
    points = rng.uniform([0.0, 0.0, 0.0], [60.0, 40.0, 2.5], (COUNT, 3))
    owner = np.repeat(np.arange(COUNT, dtype=np.int32), 2)
    sight = rng.normal(size=(2 * COUNT, 3))
    sight[:, 2] *= 0.2
    return make_map(
        points,
        root_sift(rng.gamma(0.3, size=(2 * COUNT, 128)).astype(np.float32)),
        np.eye(4)[None],
        appearance_point=owner,
        directions=(sight / np.linalg.norm(sight, axis=1, keepdims=True)).astype(np.float32),
        ranges=rng.uniform(1.0, 4.0, 2 * COUNT).astype(np.float32),
    )


def poses(count: int) -> np.ndarray:
    """Return poses (count, 4, 4) of an upright camera anywhere in the map."""
    rng = np.random.default_rng(1)
    turned = [small(rng, 0.0, 180.0) for _ in range(count)]
    for pose in turned:
        pose[:3, 3] = rng.uniform([0.0, 0.0, 0.5], [60.0, 40.0, 1.0])
    return np.stack(turned)


def test_tiles_change_no_candidate() -> None:
    plain = large_map()
    tiled = plain.tiled()
    assert len(tiled.tile_first) > 300
    numbers = {"gate": 3.0, "noise": NOISE, "view_degrees": 40.0, "view_scale": 2.0}
    found = 0
    for pose in poses(60):
        spread = np.diag([0.3**2] * 3 + [0.2**2] * 3)
        one = candidates(plain, VIEW, pose, spread, **numbers)
        other = candidates(tiled, VIEW, pose, spread, **numbers)
        order, again = (np.lexsort(m.points[c.point].T) for m, c in ((plain, one), (tiled, other)))
        np.testing.assert_array_equal(plain.points[one.point[order]], tiled.points[other.point[again]])
        np.testing.assert_array_equal(one.rays[order], other.rays[again])
        np.testing.assert_array_equal(one.precision[order], other.precision[again])
        looks = [
            np.sort(m.descriptors[c.appearance].astype(np.int64).sum(axis=1)) for m, c in ((plain, one), (tiled, other))
        ]
        np.testing.assert_array_equal(*looks)
        found += len(one.point)
    assert found > 100


def test_few_tiles_of_a_large_map_are_compared() -> None:
    tiles = large_map().tiled().tiles
    for pose in poses(20):
        points, appearances, owner = tiles.near(pose, view_scale=2.0, nearest=0.15)
        assert len(points) < 0.25 * COUNT
        assert (np.diff(points) > 0).all()
        assert (np.diff(appearances) > 0).all()
        np.testing.assert_array_equal(points[owner], tiles.appearance_point[appearances])


def test_points_of_a_tile_are_together() -> None:
    tiled = large_map().tiled()
    starts = [*tiled.tile_first, COUNT]
    for first, end in pairwise(starts):
        assert len(np.unique(np.floor(tiled.points[first:end] / SIDE), axis=0)) == 1
    np.testing.assert_array_equal(tiled.tiled().points, tiled.points)


def test_a_map_without_tiles_is_one_tile() -> None:
    tiles = large_map().tiles
    points, appearances, _ = tiles.near(poses(1)[0], view_scale=50.0, nearest=0.15)
    np.testing.assert_array_equal(points, np.arange(COUNT))
    np.testing.assert_array_equal(appearances, np.arange(2 * COUNT))
