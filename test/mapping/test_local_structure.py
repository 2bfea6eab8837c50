"""Tests of the points of each keyframe, before there is a map."""

from __future__ import annotations

import numpy as np
from made_room import CAMERA, MOUNT, circle, depths, keyframes_of, odometry, points_on_walls, shifted, tick, views

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.keyframes.features import Features
from localization_mapping.keyframe_extraction import feature_depths
from localization_mapping.local_structure import local_points

POSES = circle(16, turns=0.3)
POINTS, LOOKS = points_on_walls(1200)


def in_cameras(shown: list[np.ndarray]) -> list[np.ndarray]:
    """Return the points that each camera shows, in its frame."""
    cameras = se3.inverse(POSES @ MOUNT)
    return [POINTS[which] @ pose[:3, :3].T + pose[:3, 3] for which, pose in zip(shown, cameras, strict=True)]


def test_triangulated_points_are_near_the_truth() -> None:
    features, shown = views(POINTS, LOOKS, POSES @ MOUNT, noise=0.3)
    found = local_points(keyframes_of(features, odometry(POSES)), tick)
    share, off = [], []
    for points, true in zip(found, in_cameras(shown), strict=True):
        known = np.isfinite(points[:, 2])
        share.append(known.mean())
        off.extend((np.linalg.norm(points - true, axis=1) / np.linalg.norm(true, axis=1))[known])
    assert np.median(share) > 0.6
    assert np.median(off) < 0.02
    assert np.quantile(off, 0.95) < 0.1


def test_points_get_the_scale_of_the_odometry() -> None:
    features, shown = views(POINTS, LOOKS, POSES @ MOUNT)
    found = local_points(keyframes_of(features, odometry(POSES, scale=1.1)), tick)
    ratio = np.concatenate([p[:, 2] / t[:, 2] for p, t in zip(found, in_cameras(shown), strict=True)])
    # The camera is ahead of the wheels: its motion is a little less than 1.1 times the true one.
    assert 1.07 < np.nanmedian(ratio) < 1.11


def test_depth_is_used_where_it_is_known() -> None:
    """Depths that are 1.3 times too large, at every second feature."""
    features, shown = views(POINTS, LOOKS, POSES @ MOUNT)
    depth = [1.3 * d for d in depths(POINTS, shown, POSES @ MOUNT)]
    for each in depth:
        each[1::2] = np.nan
    found = local_points(keyframes_of(features, odometry(POSES), depth=depth), tick)
    for points, true in zip(found, in_cameras(shown), strict=True):
        np.testing.assert_allclose(points[0::2], 1.3 * true[0::2], rtol=1e-5)
        known = np.isfinite(points[1::2, 2])
        assert known.mean() > 0.4
        assert np.median(points[1::2, 2][known] / true[1::2, 2][known]) < 1.02


def test_robot_that_turns_on_the_spot_gets_no_points() -> None:
    """The camera is at the axis of the turn: nothing has a parallax."""
    back = shifted(-MOUNT[0, 3], 0.0, 0.0)
    poses = np.stack([shifted(0.0, 0.0, 5.0 * k) @ back for k in range(8)])
    features, _ = views(POINTS, LOOKS, poses @ MOUNT)
    still = keyframes_of(features, odometry(poses))
    for points in local_points(still, tick):
        assert np.isnan(points).all()


def test_depth_at_edges_and_outside_is_unknown() -> None:
    depth = np.full((CAMERA.height, CAMERA.width), 2.0, dtype=np.float32)
    depth[:, 120:] = 3.0  # an edge
    depth[50, 60] = np.nan  # a hole
    pixels = np.array([[30.0, 90.0], [200.0, 90.0], [119.0, 90.0], [120.0, 90.0], [61.0, 51.0], [0.0, 90.0]])
    features = Features(CAMERA.rays(pixels), np.zeros((6, 128), dtype=np.float32), np.ones(6))
    sequence = Sequence(
        name="edge",
        camera=CAMERA,
        frame_numbers=np.arange(1),
        stamps=np.arange(1),
        map_T_camera=np.eye(4)[None],
        read_image=lambda i: np.zeros((CAMERA.height, CAMERA.width, 3), dtype=np.uint8),
        read_depth=lambda i: depth,
    )
    nan = np.nan
    np.testing.assert_array_equal(feature_depths(sequence, 0, features), np.float32([2.0, 3.0, nan, nan, nan, nan]))
