"""Search for a pose near a given one, from an image's features."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import CAMERA, MAP_T_SCENE, NOISE, angle_deg, features_of, make_map, rays_of, scene, small

from localization_common.keyframes.features import Features
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import moved_by
from localization_common.refinement.search import MapSearch

POINTS, LOOKS = scene(300)
SEARCH = MapSearch(make_map(POINTS, LOOKS, MAP_T_SCENE[None]), CAMERA, RefinementConfig())
POSE = MAP_T_SCENE @ small(np.random.default_rng(1), 0.2, 4.0)
FEATURES, _ = features_of(POINTS, LOOKS, POSE, noise=NOISE)


@pytest.mark.parametrize(("metres", "degrees"), [(0.03, 1.0), (0.3, 10.0)])
def test_a_pose_within_the_gate_is_found(metres: float, degrees: float) -> None:
    spread = np.diag([metres**2] * 3 + [np.radians(degrees) ** 2] * 3)
    found = SEARCH.near(POSE @ small(np.random.default_rng(2), metres, degrees), spread, FEATURES, inliers=12)
    assert found.rejection == ""
    assert found.solution is not None
    assert np.linalg.norm(found.solution.map_T_camera[:3, 3] - POSE[:3, 3]) < 0.005
    assert angle_deg(found.solution.map_T_camera, POSE) < 0.1
    assert found.inliers > 0.9 * len(found.rays) > 100
    off = np.linalg.norm(found.rays - rays_of(POINTS, POSE)[found.points], axis=1)
    assert (off < 4.0 * NOISE).mean() > 0.95  # the rays of the visible points


def test_a_pose_outside_the_gate_is_rejected() -> None:
    narrow = np.diag([0.01**2] * 3 + [np.radians(5.0) ** 2] * 3)
    away = moved_by(POSE, np.array([0.12, 0.0, 0.0, 0.0, 0.0, 0.0]))
    found = SEARCH.near(away, narrow, FEATURES, inliers=12)
    assert "outside the gate" in found.rejection
    free = SEARCH.near(away, narrow, FEATURES, inliers=12, bounded=False)
    assert free.rejection == ""
    assert free.solution is not None
    assert np.linalg.norm(free.solution.map_T_camera[:3, 3] - POSE[:3, 3]) < 0.005


def test_too_few_points_are_rejected() -> None:
    few = Features(FEATURES.rays[:20], FEATURES.descriptors[:20], FEATURES.sizes[:20])
    none = Features(FEATURES.rays[:0], FEATURES.descriptors[:0], FEATURES.sizes[:0])
    assert "24 are needed" in SEARCH.near(POSE, SEARCH.least, few, inliers=24).rejection
    nothing = SEARCH.near(POSE, SEARCH.least, none, inliers=12)
    assert (nothing.solution, nothing.inliers, len(nothing.rays)) == (None, 0, 0)
    assert "fewer than 12" in nothing.rejection


def test_a_view_without_any_point_is_rejected() -> None:
    turned = POSE.copy()
    turned[:3, :3] = turned[:3, :3] @ np.diag([-1.0, 1.0, -1.0])
    assert SEARCH.near(turned, SEARCH.least, FEATURES, inliers=12).solution is None
