"""Points from rays: exact without noise, and without residual at impossible depths."""

from __future__ import annotations

import numpy as np
from synthetic_views import cameras, rays_of, scene

from localization_common.geometry import se3
from localization_common.keyframes.triangulation import residuals, seen_from, triangulate


def test_points_seen_from_several_places_are_found_exactly() -> None:
    points, _ = scene(30)
    poses = cameras(4)
    keyframe, point = np.repeat(np.arange(4), 30), np.tile(np.arange(30), 4)
    rays = np.concatenate([rays_of(points, pose) for pose in poses])
    found = triangulate(rays, se3.inverse(poses)[keyframe], point, 30)
    np.testing.assert_allclose(found, points, atol=1e-9)
    assert residuals(found[point], poses[keyframe], rays).max() < 1e-9
    off = residuals(found[point], poses[keyframe], rays + np.array([0.003, 0.004]))
    np.testing.assert_allclose(off, 0.005, rtol=1e-6)


def test_a_points_ray_and_depth_in_a_camera() -> None:
    pose = cameras(1)
    point = (pose[0] @ [0.3, -0.2, 2.0, 1.0])[None, :3]
    rays, depth = seen_from(point, pose)
    np.testing.assert_allclose(rays, [[0.15, -0.1]])
    np.testing.assert_allclose(depth, [2.0])


def test_points_behind_too_near_too_far_or_at_infinity_have_no_residual() -> None:
    pose = cameras(1)
    local = np.array([[0.0, 0.0, -2.0, 1.0], [0.0, 0.0, 0.1, 1.0], [0.0, 0.0, 80.0, 1.0], [0.0, 0.0, 2.0, 1.0]])
    points = (local @ pose[0].T)[:, :3]
    off = residuals(points, np.repeat(pose, 4, axis=0), np.zeros((4, 2)))
    assert np.isinf(off[:3]).all()
    assert off[3] < 1e-12
    parallel = triangulate(np.zeros((2, 2)), np.stack([np.eye(4)] * 2), np.zeros(2, int), 1)
    assert np.isinf(residuals(parallel, np.eye(4)[None], np.zeros((1, 2)))).all()


def test_no_observations_give_no_points() -> None:
    none = np.empty(0, dtype=np.int64)
    assert triangulate(np.empty((0, 2)), np.empty((0, 4, 4)), none, 0).shape == (0, 3)
    assert residuals(np.empty((0, 3)), np.empty((0, 4, 4)), np.empty((0, 2))).shape == (0,)
