"""Matches of similar features and points, one to one, within the gate."""

from __future__ import annotations

import numpy as np
from synthetic_views import NOISE, cameras, features_of, make_map, rays_of, scene

from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap, to_bytes
from localization_common.refinement.candidates import Candidates
from localization_common.refinement.point_matching import match

NUMBERS = {"gate": 3.0, "similarity": 0.82, "ratio": 0.9}


def all_of(keyframe_map: KeyframeMap, pose: np.ndarray) -> Candidates:
    """Return every point as a candidate, with a standard deviation of 20 times the noise."""
    count = len(keyframe_map.points)
    _, first = np.unique(keyframe_map.appearance_point, return_index=True)
    rays = rays_of(keyframe_map.points.astype(np.float64), pose)
    precision = np.tile(np.eye(2) / (20.0 * NOISE) ** 2, (count, 1, 1))
    return Candidates(np.arange(count), np.arange(len(keyframe_map.appearance_point)), first, rays, precision)


def mixed(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Return descriptors of length one between two."""
    between = (1.0 - share) * a + share * b
    return (between / np.linalg.norm(between, axis=-1, keepdims=True)).astype(np.float32)


def test_every_feature_finds_its_point() -> None:
    points, descriptors = scene(200)
    pose = cameras(1)[0]
    keyframe_map = make_map(points, descriptors, pose[None])
    features, which = features_of(points, descriptors, pose, noise=NOISE)
    found, rows = match(keyframe_map, all_of(keyframe_map, pose), features, **NUMBERS)
    assert len(found) == len(which)
    np.testing.assert_array_equal(which[rows], found)


def test_a_similar_point_matters_only_inside_the_gate() -> None:
    points, descriptors = scene(2)
    pose = cameras(1)[0]
    descriptors[1] = mixed(descriptors[0], descriptors[1], 0.05)
    keyframe_map = make_map(points, descriptors, pose[None])
    features = Features(rays_of(points[:1], pose), descriptors[:1], np.ones(1))
    seen = all_of(keyframe_map, pose)
    assert match(keyframe_map, seen, features, gate=3.0, similarity=0.82, ratio=0.5)[0].tolist() == [0]
    near = Candidates(seen.point, seen.appearance, seen.first, np.repeat(seen.rays[:1], 2, axis=0), seen.precision)
    twin = make_map(points, descriptors[[0, 0]], pose[None])
    assert len(match(twin, near, features, **NUMBERS)[0]) == 0
    assert match(twin, seen, features, **NUMBERS)[0].tolist() == [0]


def test_a_point_is_matched_with_the_most_similar_feature() -> None:
    points, descriptors = scene(2)
    pose = cameras(1)[0]
    keyframe_map = make_map(points[:1], descriptors[:1], pose[None])
    like = np.stack([mixed(descriptors[0], descriptors[1], share) for share in (0.2, 0.05, 0.3)])
    features = Features(np.repeat(rays_of(points[:1], pose), 3, axis=0), like, np.ones(3))
    found, rows = match(keyframe_map, all_of(keyframe_map, pose), features, **NUMBERS)
    assert (found.tolist(), rows.tolist()) == ([0], [1])


def test_features_without_a_similar_point_are_left_out() -> None:
    points, descriptors = scene(40)
    pose = cameras(1)[0]
    keyframe_map = make_map(points, descriptors, pose[None])
    strange = Features(rays_of(points, pose), scene(40, seed=8)[1], np.ones(40))
    assert len(match(keyframe_map, all_of(keyframe_map, pose), strange, **NUMBERS)[0]) == 0


def test_a_match_has_the_smallest_similarity() -> None:
    points, descriptors = scene(2)
    pose = cameras(1)[0]
    keyframe_map = make_map(points[:1], descriptors[:1], pose[None])
    for share in (0.3, 0.35, 0.4, 0.45, 0.5):
        look = mixed(descriptors[:1], descriptors[1:], share)
        similar = float((keyframe_map.float_descriptors(np.arange(1)) @ look.T)[0, 0])
        features = Features(rays_of(points[:1], pose), look, np.ones(1))
        for least, count in ((similar + 0.005, 0), (similar - 0.005, 1)):
            found, _ = match(keyframe_map, all_of(keyframe_map, pose), features, gate=3.0, similarity=least, ratio=0.9)
            assert len(found) == count


def test_another_appearance_of_the_same_point_is_no_rival() -> None:
    points, descriptors = scene(2)
    pose = cameras(1)[0]
    looks = descriptors[[0, 0, 1]]
    keyframe_map = make_map(
        points[:2],
        descriptors[:2],
        pose[None],
        appearance_point=np.array([0, 0, 1], dtype=np.int32),
        descriptors=to_bytes(looks),
    )
    features = Features(rays_of(points[:2], pose)[::-1], descriptors[[1, 0]], np.ones(2))
    found, rows = match(keyframe_map, all_of(keyframe_map, pose), features, **NUMBERS)
    assert dict(zip(found.tolist(), rows.tolist(), strict=True)) == {0: 1, 1: 0}


def test_no_points_or_no_features_give_no_matches() -> None:
    points, descriptors = scene(10)
    pose = cameras(1)[0]
    keyframe_map = make_map(points, descriptors, pose[None])
    features, _ = features_of(points, descriptors, pose)
    none = Features(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32), np.empty(0))
    i = np.empty(0, dtype=np.int64)
    nowhere = Candidates(i, i, i, np.empty((0, 2)), np.empty((0, 2, 2)))
    for seen, used in ((all_of(keyframe_map, pose), none), (nowhere, features), (nowhere, none)):
        found, rows = match(keyframe_map, seen, used, **NUMBERS)
        assert len(found) == len(rows) == 0
