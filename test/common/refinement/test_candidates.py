"""Candidates for matches: points that a prior expects, their rays, and the gate."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import CAMERA, NOISE, cameras, make_map, rays_of, scene

from localization_common.camera import Camera
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.refinement.candidates import Candidates, candidates, field_of_view, ray_jacobian
from localization_common.refinement.perturbation import moved_by
from localization_common.refinement.point_matching import match

VIEW = field_of_view(CAMERA, LensCorrection())
#: Covariance of 5 cm and 2 degrees, different in all axes and with a correlation.
SPREAD = (
    np.diag([0.05, 0.03, 0.04, 0.03, 0.02, 0.04]) @ (np.eye(6) + 0.2) @ np.diag([0.05, 0.03, 0.04, 0.03, 0.02, 0.04])
)
NUMBERS = {"gate": 3.0, "noise": NOISE, "view_degrees": 40.0, "view_scale": 2.0}


def expected_points(
    keyframe_map: KeyframeMap, pose: np.ndarray, spread: np.ndarray = SPREAD, **changes: float
) -> Candidates:
    return candidates(keyframe_map, VIEW, pose, spread, **(NUMBERS | changes))


def in_camera(pose: np.ndarray, local: list[list[float]]) -> np.ndarray:
    """Return points (N, 3) in the map for points in a camera."""
    return np.array(local) @ pose[:3, :3].T + pose[:3, 3]


def map_of(pose: np.ndarray, local: list[list[float]], **changes: object) -> KeyframeMap:
    return make_map(in_camera(pose, local), scene(len(local))[1], pose[None], **changes)


def test_the_jacobian_is_that_of_rays() -> None:
    points, _ = scene(20)
    pose = cameras(1)[0]
    sight = points - pose[:3, 3]
    jacobian = ray_jacobian(sight, sight @ pose[:3, :3], pose[:3, :3])
    for axis in range(6):
        step = np.zeros(6)
        step[axis] = 1e-6
        slope = (rays_of(points, moved_by(pose, step)) - rays_of(points, moved_by(pose, -step))) / 2e-6
        np.testing.assert_allclose(jacobian[:, :, axis], slope, atol=1e-7)


def test_points_are_expected_at_their_rays_from_the_prior() -> None:
    points, descriptors = scene(300)
    pose = cameras(1)[0]
    found = expected_points(make_map(points, descriptors, pose[None]), pose, 1e-12 * np.eye(6), noise=1e-6)
    seen = CAMERA.sees(rays_of(points, pose))
    np.testing.assert_array_equal(found.point, np.nonzero(seen)[0])
    np.testing.assert_allclose(found.rays, rays_of(points, pose)[seen], atol=1e-5)
    np.testing.assert_array_equal(found.appearance, found.point)
    np.testing.assert_array_equal(found.first, np.arange(len(found.point)))


def test_points_behind_or_outside_are_left_out() -> None:
    pose = cameras(1)[0]
    edge = float(VIEW[1, 0])  # of the view, at depth one
    local = [
        [0.0, 0.0, 2.0],
        [0.0, 0.0, -2.0],
        [0.0, 0.0, 0.1],
        [2.0 * edge - 0.02, 0.0, 2.0],
        [2.0 * edge + 0.3, 0.0, 2.0],
    ]
    keyframe_map = map_of(pose, local)
    assert expected_points(keyframe_map, pose, 1e-8 * np.eye(6)).point.tolist() == [0, 3]
    assert expected_points(keyframe_map, pose, 0.1**2 * np.eye(6)).point.tolist() == [0, 3, 4]  # may be in the image


def test_points_seen_from_the_wrong_side_or_distance_are_left_out() -> None:
    pose = cameras(1)[0]
    local = [[0.0, 0.0, 2.0]] * 5
    keyframe_map = map_of(pose, local)
    forward = pose[:3, 2]
    aside = pose[:3, 0]
    keyframe_map.directions[1] = -forward
    keyframe_map.directions[2] = forward * np.cos(np.radians(45.0)) + aside * np.sin(np.radians(45.0))
    keyframe_map.directions[3] = forward * np.cos(np.radians(35.0)) + aside * np.sin(np.radians(35.0))
    keyframe_map.ranges[4] = 4.5
    assert expected_points(keyframe_map, pose).point.tolist() == [0, 3]
    assert expected_points(keyframe_map, pose, view_degrees=30.0).point.tolist() == [0]
    assert expected_points(keyframe_map, pose, view_scale=2.5).point.tolist() == [0, 3, 4]


def test_appearances_of_one_point_stay_together() -> None:
    pose = cameras(1)[0]
    local = [[0.0, 0.0, 2.0], [0.2, 0.0, 2.0], [0.0, 0.2, 2.0]]
    owner = np.array([0, 0, 1, 2, 2], dtype=np.int32)
    looks = np.ones((5, 128), dtype=np.uint8)
    directions = np.tile(pose[:3, 2].astype(np.float32), (5, 1))
    directions[2] *= -1.0
    keyframe_map = map_of(
        pose,
        local,
        appearance_point=owner,
        descriptors=looks,
        directions=directions,
        ranges=np.full(5, 2.0, np.float32),
    )
    found = expected_points(keyframe_map, pose)
    assert found.point.tolist() == [0, 2]
    assert found.appearance.tolist() == [0, 1, 3, 4]
    assert found.first.tolist() == [0, 2]


def test_the_gate_is_the_priors_covariance() -> None:
    """Compare the scatter of a point's rays from poses drawn from the covariance with the gate."""
    pose = cameras(1)[0]
    small = SPREAD / 100.0
    keyframe_map = map_of(pose, [[0.6, -0.4, 2.0]])
    found = expected_points(keyframe_map, pose, small)
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(6), small, 4000)
    point = in_camera(pose, [[0.6, -0.4, 2.0]])
    rays = np.concatenate([rays_of(point, moved_by(pose, draw)) for draw in draws])
    expected = np.cov(rays.T) + NOISE**2 * np.eye(2)
    np.testing.assert_allclose(np.linalg.inv(found.precision[0]), expected, atol=0.06 * np.trace(expected))


@pytest.mark.parametrize("direction", [0.0, 1.0, 2.5, 4.0])
def test_a_point_is_found_up_to_three_deviations_away(direction: float) -> None:
    pose = cameras(1)[0]
    keyframe_map = map_of(pose, [[0.6, -0.4, 2.0]])
    found = expected_points(keyframe_map, pose)
    one_deviation = np.linalg.cholesky(np.linalg.inv(found.precision[0])) @ (np.cos(direction), np.sin(direction))
    for deviations, expected in ((2.9, 1), (3.5, 0)):
        seen = Features(found.rays + deviations * one_deviation, scene(1)[1], np.ones(1))
        points, _ = match(keyframe_map, found, seen, gate=3.0, similarity=0.82, ratio=0.9)
        assert len(points) == expected


def test_no_point_in_front_of_the_camera() -> None:
    pose = cameras(1)[0]
    found = expected_points(map_of(pose, [[0.0, 0.0, -2.0]]), pose)
    assert (len(found.point), len(found.appearance), len(found.first)) == (0, 0, 0)
    assert (found.rays.shape, found.precision.shape) == ((0, 2), (0, 2, 2))


@pytest.mark.parametrize(
    "lens", [("plumb_bob", (0.3, 0.0, 0.0, 0.0)), ("plumb_bob", (-0.25, 0.04, 0.0, 0.0)), ("equidistant", ())]
)
def test_the_view_of_a_distorted_lens_holds_all_that_it_sees(lens: tuple[str, tuple[float, ...]]) -> None:
    camera = Camera(320, 240, 190.0, 190.0, 159.5, 119.5, *lens)
    low, high = field_of_view(camera, LensCorrection())
    x, y = np.meshgrid(np.linspace(-3, 3, 301), np.linspace(-3, 3, 301))
    rays = np.column_stack([x.ravel(), y.ravel()])
    seen = rays[camera.sees(rays)]
    assert (seen >= low - 1e-9).all()
    assert (seen <= high + 1e-9).all()
    np.testing.assert_allclose(seen.max(axis=0), high, atol=0.03)


def test_corners_that_no_ray_reaches_are_not_part_of_the_view() -> None:
    """Use a model that is not monotonic beyond a radius of 0.65; the image's corners lie outside."""
    camera = Camera(320, 240, 270.0, 270.0, 159.5, 119.5, "plumb_bob", (-0.35, 0.0, 0.0, 0.0))
    assert np.abs(field_of_view(camera, LensCorrection())).max() < 0.83  # 0.843 with the corners


def test_the_view_is_of_true_rays() -> None:
    low, high = field_of_view(CAMERA, LensCorrection(0.8, 0.0))
    np.testing.assert_allclose((low, high), np.array(VIEW) / 0.8)
