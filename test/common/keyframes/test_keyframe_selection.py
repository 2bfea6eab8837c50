"""Keyframes cover the frames, with no more keyframes than necessary."""

from __future__ import annotations

import numpy as np
from synthetic_views import cameras

from localization_common.keyframes.keyframe_selection import cover, distances


def test_distance_is_one_at_the_metres_and_at_the_angle() -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1, 2, 3] = 0.2
    angle = np.radians(10.0)
    poses[2, :2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(distances(poses, np.eye(4), metres=0.2, radians=angle), [0.0, 1.0, 1.0], atol=1e-9)


def test_every_frame_is_near_a_keyframe_and_no_keyframe_near_another() -> None:
    poses = cameras(300, metres=0.4, degrees=8.0)
    kernel = {"metres": 0.4, "radians": np.radians(10.0)}
    chosen = cover(poses, **kernel, most=300)
    assert 3 < len(chosen) < 150
    assert (np.diff(chosen) > 0).all()
    away = np.stack([distances(poses[chosen], pose, **kernel) for pose in poses])
    assert away.min(axis=1).max() <= 1.0
    between = away[chosen]
    assert between[~np.eye(len(chosen), dtype=bool)].min() > 1.0


def test_at_most_the_largest_number_is_selected() -> None:
    poses = cameras(100)
    assert len(cover(poses, metres=1e-3, radians=1e-3, most=7)) == 7
    assert cover(poses[:1], metres=0.1, radians=0.1, most=7).tolist() == [0]
    assert cover(np.tile(poses[:1], (9, 1, 1)), metres=0.1, radians=0.1, most=7).tolist() == [0]
