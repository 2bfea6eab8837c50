"""Tests of the whole mapping: drives with noisy odometry, rendered in a painted room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_room import CAMERA, MOUNT, ROOM, circle, errors, odometry, shifted
from painted_room import drive

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.mapping import map_drives
from localization_mapping.options import MappingOptions


def test_poses_are_better_than_odometry(monday: Sequence, place: MappedPlace, map_T_room: np.ndarray) -> None:
    (mapped,) = place.drives
    assert mapped.located.all()
    assert monday.odom_T_base is not None
    true = map_T_room @ monday.map_T_base
    metres, degrees = errors(mapped.map_T_base, true)
    before = errors(monday.odom_T_base, true)
    assert np.median(metres) < 0.05
    assert np.median(degrees) < 0.3
    assert np.median(metres) < 0.3 * np.median(before[0])
    assert np.median(degrees) < 0.2 * np.median(before[1])


def test_every_frame_is_confirmed_by_points(monday: Sequence, place: MappedPlace) -> None:
    (mapped,) = place.drives
    keyframes = np.isin(np.arange(len(monday)), place.keyframe_position)
    assert 20 < keyframes.sum() < 45  # the others lie between keyframes
    assert (mapped.inliers > 50).all()
    assert np.nanmax(mapped.residual) < 1.5


def test_map_frame_begins_at_the_first_base(place: MappedPlace) -> None:
    (mapped,) = place.drives
    metres, degrees = errors(mapped.map_T_base[:1], np.eye(4)[None])
    assert metres[0] < 0.02
    assert degrees[0] < 0.5
    assert np.abs(mapped.map_T_base[:, 2, 3]).max() < 0.02
    np.testing.assert_allclose(place.map_T_camera, mapped.map_T_camera[place.keyframe_position], atol=1e-6)


def test_points_are_on_the_walls(place: MappedPlace, map_T_room: np.ndarray) -> None:
    assert len(place.points) > 500
    assert np.median(from_walls(place.points, map_T_room)) < 0.05
    assert np.quantile(from_walls(place.points, map_T_room), 0.9) < 0.25


def test_tracks_show_the_points(place: MappedPlace) -> None:
    tracks = place.tracks
    assert np.bincount(tracks.point).min() >= 3
    assert tracks.points == len(place.points)
    rays = tracks.observed([f.rays for f in place.features])
    cameras = place.map_T_camera[tracks.keyframe]
    local = np.einsum("oji,oj->oi", cameras[:, :3, :3], place.points[tracks.point] - cameras[:, :3, 3])
    off = CAMERA.fx * np.linalg.norm(local[:, :2] / local[:, 2:] - rays, axis=1)
    assert np.median(off) < 0.5


def test_closures_join_what_is_far_apart_in_time(place: MappedPlace, map_T_room: np.ndarray, monday: Sequence) -> None:
    assert len(place.closures) >= 3
    true = monday.map_T_base[place.keyframe_position]
    for a, b in place.closures:
        assert abs(a - b) > 10
        assert np.linalg.norm(true[a, :3, 3] - true[b, :3, 3]) < 1.0


def test_scale_is_that_of_the_wheels(place: MappedPlace) -> None:
    assert place.scale.metric
    assert "odometry" in place.scale.source


def test_two_drives_get_into_one_frame(
    monday: Sequence, tuesday: Sequence, both: MappedPlace, map_T_room: np.ndarray
) -> None:
    assert [mapped.sequence.name for mapped in both.drives] == ["monday", "tuesday"]
    for mapped, given in zip(both.drives, (monday, tuesday), strict=True):
        assert mapped.located.all()
        metres, degrees = errors(mapped.map_T_base, map_T_room @ given.map_T_base[: len(mapped.sequence)])
        assert np.median(metres) < 0.06
        assert np.median(degrees) < 0.4
    assert (np.diff(both.keyframe_drive) >= 0).all()
    assert any(both.keyframe_drive[a] != both.keyframe_drive[b] for a, b in both.closures)


def test_true_poses_are_not_used(monday: Sequence, options: MappingOptions) -> None:
    short = monday.select(np.arange(16))
    hidden = replace(short, map_T_camera=np.full_like(short.map_T_camera, np.nan))
    seeing, blind = (map_drives([sequence], options) for sequence in (short, hidden))
    np.testing.assert_array_equal(blind.drives[0].map_T_camera, seeing.drives[0].map_T_camera)
    np.testing.assert_array_equal(blind.points, seeing.points)


def test_depth_makes_up_for_odometry_of_a_wrong_scale(options: MappingOptions) -> None:
    """Wheels that measure 3 % too much; the depth camera is right."""
    path = circle(24, turns=0.5)
    given = drive(path, odometry(path, scale=1.03, metres=0.005, degrees=0.3), depth=True)
    without = replace(given, read_depth=None)
    ratio = [widest(map_drives([d], options).map_T_camera) / widest(path @ MOUNT) for d in (given, without)]
    assert ratio[1] > 1.015
    assert ratio[0] < 1.0 + 0.5 * (ratio[1] - 1.0)


def test_drive_in_another_room_is_refused_with_its_name(monday: Sequence, options: MappingOptions) -> None:
    path = circle(12, turns=0.3)
    elsewhere = drive(path, odometry(path), name="cellar", seed=7)
    with pytest.raises(DatasetError, match="cellar"):
        map_drives([monday.select(np.arange(20)), elsewhere], options)


def test_drive_that_maps_nothing_is_refused(options: MappingOptions) -> None:
    """Standing still; turning on the spot about the camera; walls without paint; one frame."""
    back = np.linalg.inv(MOUNT)
    back[:3, :3] = np.eye(3)
    back[:3, 3] = [-MOUNT[0, 3], 0.0, 0.0]
    still = np.repeat(circle(2)[:1], 12, axis=0)
    spin = np.stack([shifted(0.0, 0.0, 8.0 * k) @ back for k in range(12)])
    moving = circle(12, turns=0.3)
    grey = np.full((CAMERA.height, CAMERA.width, 3), 128, dtype=np.uint8)
    cases = {
        "still": drive(still, se3.inverse(still[:1]) @ still),
        "spin": drive(spin, odometry(spin)),
        "grey": replace(drive(moving, odometry(moving)), read_image=lambda position: grey),
        "single": drive(moving, odometry(moving)).select([3]),
    }
    for name, sequence in cases.items():
        with pytest.raises(DatasetError):
            print(name, map_drives([sequence], options))


def from_walls(points: np.ndarray, map_T_room: np.ndarray) -> np.ndarray:
    """Return the distance (P,) of points of the map from the nearest wall, the floor or the ceiling."""
    room = (points - map_T_room[:3, 3]) @ map_T_room[:3, :3] - [0.0, 0.0, ROOM[2] / 2.0]
    return np.asarray(np.abs(np.abs(room) - ROOM / 2.0).min(axis=1))


def widest(poses: np.ndarray) -> float:
    """Return the largest distance between two poses."""
    return float(np.linalg.norm(poses[:, None, :3, 3] - poses[None, :, :3, 3], axis=2).max())
