"""Tests of the map frame: level, with the first base at the origin."""

from __future__ import annotations

import numpy as np
from made_room import circle, turned

from localization_common.geometry import se3
from localization_mapping.levelling import levelled


def test_first_base_is_the_origin_and_the_drive_is_level() -> None:
    path = circle(30)
    tilted = se3.from_parts([4.0, -2.0, 7.0], [0.5, 0.5, -0.3, 0.6]) @ path
    poses = levelled(tilted) @ tilted
    np.testing.assert_allclose(poses, se3.inverse(path[:1]) @ path, atol=1e-9)


def test_first_base_that_leans_does_not_tilt_the_map() -> None:
    """The robot is on a ramp of 5 degrees at the start, and upright afterwards."""
    path = circle(100)
    poses = path.copy()
    poses[0] = poses[0] @ turned([0.0, 5.0, 0.0])
    mapped = levelled(poses) @ poses
    np.testing.assert_allclose(mapped[1:, 2, 3], 0.0, atol=0.003)
    np.testing.assert_allclose(mapped[0, :3, 3], 0.0, atol=1e-9)
    np.testing.assert_allclose(mapped[0, 1, 0], 0.0, atol=1e-9)  # x is its heading
    assert mapped[0, 0, 0] > 0.99


def test_first_base_that_looks_up_has_a_frame() -> None:
    path = circle(50)
    path[1] = path[0] @ turned([0.0, 90.0, 0.0])  # looks down: the mean is upright
    path[0] = path[0] @ turned([0.0, -90.0, 0.0])
    map_T_now = levelled(path)
    assert np.isfinite(map_T_now).all()
    np.testing.assert_allclose(map_T_now[:3, :3] @ map_T_now[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(map_T_now[:3, :3]) > 0.0
    np.testing.assert_allclose((map_T_now @ path[0])[:3, 1], [0.0, 1.0, 0.0], atol=1e-6)  # its left side stays left
