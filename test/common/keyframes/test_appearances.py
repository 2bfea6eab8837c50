"""Appearances: observations of a point in groups by direction and distance."""

from __future__ import annotations

import numpy as np

from localization_common.keyframes.adjustment import AdjustedKeyframes
from localization_common.keyframes.appearances import appearances
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.features import Features
from localization_common.keyframes.lens_correction import LensCorrection


def one_point(places: list[tuple[float, float, float]], looks: list[int]) -> dict[str, np.ndarray]:
    """Return appearances of a point at the origin, seen from places with unit descriptors of these entries."""
    poses = np.tile(np.eye(4), (len(places), 1, 1))
    poses[:, :3, 3] = places
    features = [Features(np.zeros((1, 2)), np.eye(128, dtype=np.float32)[[k]], np.ones(1)) for k in looks]
    count = len(places)
    tracks = FeatureTracks(np.zeros(count, dtype=np.int64), np.arange(count), np.zeros(count, dtype=np.int64))
    return appearances(features, tracks, AdjustedKeyframes(np.zeros((1, 3)), poses, LensCorrection()))


def test_similar_directions_are_one_appearance_and_others_are_separate() -> None:
    found = one_point([(0.0, 0.0, -2.0), (0.2, 0.0, -2.0), (0.0, 0.2, -2.0), (2.0, 0.0, 0.0)], [0, 0, 1, 5])
    assert found["appearance_point"].tolist() == [0, 0]
    directions = found["directions"]
    np.testing.assert_allclose(directions[1], [-1.0, 0.0, 0.0], atol=1e-6)
    assert directions[0, 2] > 0.99
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(found["ranges"], [2.0, 2.0], rtol=0.01)
    mean = np.array([2.0, 1.0]) / np.sqrt(5.0)  # of two like entry 0 and one like entry 1; 255 is the largest byte
    np.testing.assert_allclose(found["descriptors"][0, :2], np.minimum(np.rint(512 * mean), 255))
    assert found["descriptors"][1].argmax() == 5


def test_different_distances_are_separate_appearances() -> None:
    found = one_point([(0.0, 0.0, -2.0), (0.0, 0.0, -2.2), (0.0, 0.0, -4.0)], [0, 0, 1])
    np.testing.assert_allclose(found["ranges"], [np.sqrt(2.0 * 2.2), 4.0], rtol=1e-5)


def test_appearances_with_the_most_observations_are_kept() -> None:
    angles = np.radians([0.0, 40.0, 80.0, 80.0, 120.0, 160.0, 200.0])
    found = one_point([(2 * np.cos(a), 2 * np.sin(a), 0.0) for a in angles], list(range(7)))
    assert len(found["ranges"]) == 4
    np.testing.assert_allclose(found["directions"][0], [-np.cos(angles[2]), -np.sin(angles[2]), 0.0], atol=1e-6)
