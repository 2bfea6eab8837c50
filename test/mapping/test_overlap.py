"""Tests of the choice of keyframe pairs with overlapping views."""

from __future__ import annotations

import numpy as np
from made_room import CAMERA, MOUNT, circle, points_on_walls, shifted, views

from localization_common.geometry import se3
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.refinement.candidates import field_of_view
from localization_mapping.overlap import overlapping_pairs

VIEW = field_of_view(CAMERA, LensCorrection())


def pairs_of(
    map_T_base: np.ndarray, drive: np.ndarray | None = None, *, most: int = 12, known: bool = True
) -> set[tuple[int, int]]:
    """Return the pairs of keyframes with exact points, or without any."""
    cameras = map_T_base @ MOUNT
    points, looks = points_on_walls(600)
    local = []
    for which, pose in zip(views(points, looks, cameras)[1], se3.inverse(cameras), strict=True):
        found = points[which] @ pose[:3, :3].T + pose[:3, 3]
        local.append(found if known else np.full_like(found, np.nan))
    drives = np.zeros(len(cameras), dtype=np.int64) if drive is None else drive
    found_pairs = overlapping_pairs(cameras, local, drives, VIEW, most=most)
    assert len(set(found_pairs)) == len(found_pairs)
    assert all(a < b for a, b in found_pairs)
    return set(found_pairs)


def test_second_time_around_is_paired_with_the_first() -> None:
    found = pairs_of(circle(60, turns=1.5))  # 40 keyframes a turn
    assert {(k, k + 40) for k in range(20)} <= found


def test_opposite_views_are_no_pairs() -> None:
    found = pairs_of(circle(60, turns=1.5))
    assert not any(15 < b - a < 25 for a, b in found)


def test_same_place_in_the_other_direction_is_no_pair() -> None:
    there = np.stack([shifted(0.1 * k - 0.5, 0.0, 0.0) for k in range(10)])
    back = np.stack([shifted(0.5 - 0.1 * k, 0.0, 180.0) for k in range(10)])
    found = pairs_of(np.concatenate([there, back]), np.repeat([0, 1], 10))
    assert not any(a < 10 <= b for a, b in found)
    again = pairs_of(np.concatenate([there, there]), np.repeat([0, 1], 10))
    assert {(k, k + 10) for k in range(10)} <= again


def test_same_points_from_another_side_or_distance_are_no_pair() -> None:
    """Three cameras that see the same points, 1 m around the origin: from ahead, from the side, from far away."""
    poses = np.stack([shifted(-2.0, 0.0, 0.0), shifted(0.0, -2.0, 90.0), shifted(-8.0, 0.0, 0.0)]) @ se3.BODY_T_OPTICAL
    beside = np.stack([shifted(-2.0, 0.3, 0.0), shifted(0.3, -2.0, 90.0), shifted(-8.5, 0.0, 0.0)]) @ se3.BODY_T_OPTICAL
    cloud = np.random.default_rng(0).uniform(-0.5, 0.5, (200, 3))
    cameras = np.concatenate([poses, beside])
    points = [cloud @ pose[:3, :3].T + pose[:3, 3] for pose in se3.inverse(cameras)]
    found = overlapping_pairs(cameras, points, np.arange(6), VIEW, most=12)
    assert set(found) == {(0, 3), (1, 4), (2, 5)}


def test_neighbours_of_a_drive_are_always_paired() -> None:
    found = pairs_of(circle(20, turns=0.4), known=False)
    assert {(k, k + 1) for k in range(19)} <= found
    drives = np.repeat([0, 1], 10)
    assert (9, 10) not in pairs_of(circle(20, turns=0.4), drives, known=False)  # the end of one, the start of another


def test_number_of_pairs_is_limited() -> None:
    still = np.repeat(circle(2)[:1], 40, axis=0)
    few, many = pairs_of(still, np.arange(40), most=2), pairs_of(still, np.arange(40), most=12)
    assert len(few) <= 80
    assert len(few) < len(many) <= 480
