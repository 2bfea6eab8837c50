"""Choice of views by coverage, and maps of these views."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.drive_frames import DriveFrames
from dmn_ros.map.map_building import MapOptions, build_map, extend_map
from dmn_ros.map.view_coverage import cover, view_distance
from dmn_ros.network.dmn import DMN
from dmn_ros.network.embedding import images_to_tensor
from localization_common.geometry import planar


def _drive(count: int, seed: int) -> DriveFrames:
    """Drive through a room of 6 x 4 m with random pictures."""
    random = np.random.default_rng(seed)
    turn = np.linspace(0, 4 * np.pi, count)
    poses = np.stack([3 * np.cos(turn), 2 * np.sin(turn), turn], axis=1) + random.normal(size=(count, 3)) * 0.05
    images = torch.from_numpy(random.integers(0, 255, (count, 24, 32, 3), dtype=np.uint8))
    return DriveFrames(f"drive {seed}", images, poses, poses, np.arange(count) * 200_000_000)


def test_every_pose_is_near_a_view_and_no_view_is_redundant() -> None:
    poses = np.random.default_rng(0).uniform([-3, -2, -np.pi], [3, 2, np.pi], (400, 3))
    chosen = cover(poses, spacing_d=1.0, spacing_a=0.8, max_views=400)
    distance = view_distance(poses[:, None], poses[chosen][None], spacing_d=1.0, spacing_a=0.8)
    assert distance.min(axis=1).max() <= 1.0
    between = distance[chosen] + 9.0 * np.eye(len(chosen))
    assert between.min() > 1.0
    assert len(chosen) < 400


def test_the_number_of_views_is_bounded_and_headings_count() -> None:
    poses = np.zeros((8, 3))
    poses[:, 2] = np.arange(8) * np.pi / 4
    assert len(cover(poses, spacing_d=1.0, spacing_a=0.7, max_views=8)) == 8
    assert len(cover(poses, spacing_d=1.0, spacing_a=0.7, max_views=3)) == 3
    assert len(cover(poses, spacing_d=1.0, spacing_a=4.0, max_views=8)) == 1


def test_distance_wraps_headings() -> None:
    a, b = np.array([0.0, 0.0, 3.1]), np.array([0.3, 0.4, -3.1])
    expected = np.hypot(0.5 / 0.8, (2 * np.pi - 6.2) / 0.6)
    assert np.isclose(view_distance(a, b, spacing_d=0.8, spacing_a=0.6), expected)


def test_a_map_covers_its_drives(tiny_network: DMN, tmp_path: Path) -> None:
    drives = [_drive(120, 0), _drive(80, 1)]
    options = MapOptions(spacing_d=0.9, spacing_a=0.7, max_views=200, margin=0.4)
    path = tmp_path / "map.safetensors"
    build_map(tiny_network, drives, options).save(path)
    made = ContextMap.load(path)
    poses = np.concatenate([drive.poses for drive in drives])
    distance = view_distance(poses[:, None], made.poses[None], spacing_d=0.9, spacing_a=0.7)
    assert distance.min(axis=1).max() <= 1.0
    assert len(made) < 100
    expected = (*(poses[:, :2].min(axis=0) - 0.4), *(poses[:, :2].max(axis=0) + 0.4))
    np.testing.assert_allclose(made.bounds, expected)
    assert made.scale == tiny_network.config.metres_per_unit
    made.require_made_by(tiny_network, path)


def test_an_extended_map_covers_later_drives_and_replaces_unreliable_views(tiny_network: DMN) -> None:
    options = MapOptions(spacing_d=0.9, spacing_a=0.7, max_views=200)
    first, later = _drive(120, 0), _drive(80, 1)
    shifted = dataclasses.replace(later, poses=later.poses + np.array([4.0, 0.0, 0.0]))
    old, new = build_map(tiny_network, [first], options), build_map(tiny_network, [first, shifted], options)
    reliability = np.ones(len(old))
    reliability[3] = 0.1
    doubted = dataclasses.replace(old, reliability=reliability)
    extended = extend_map(doubted, new, options)
    assert not (extended.poses == old.poses[3]).all(axis=1).any() or extended.reliability.min() == 1.0
    assert (extended.poses[: len(old) - 1] == np.delete(old.poses, 3, axis=0)).all()
    poses = np.concatenate([first.poses, shifted.poses])
    distance = view_distance(poses[:, None], extended.poses[None], spacing_d=0.9, spacing_a=0.7)
    assert distance.min(axis=1).max() < 2.0  # a new view that an old one covers is left out, with all that it covers
    assert len(extended) < len(old) + len(new)


def test_a_map_of_two_robots_drives_has_poses_of_one_of_them(tiny_network: DMN) -> None:
    drive = _drive(60, 2)
    robots = [dataclasses.replace(drive, mount=mount) for mount in ((0.3, 0.1, 0.5), (-0.2, 0.0, 0.0))]
    made, other = (build_map(tiny_network, drives, MapOptions()) for drives in ([robots[0]], robots[::-1]))
    assert (made.mount, other.mount) == (robots[0].mount, robots[1].mount)
    np.testing.assert_array_equal(made.poses, build_map(tiny_network, [drive], MapOptions()).poses)
    of_cameras = [planar.compose(drive.poses, np.array(robot.mount)) for robot in robots]
    distance = np.abs(planar.compose(other.poses, np.array(other.mount))[:, None] - np.concatenate(of_cameras)[None])
    assert distance.max(-1).min(1).max() < 1e-9


@torch.inference_mode()
def test_features_of_each_view_are_those_of_the_image_at_its_pose(tiny_network: DMN) -> None:
    drive = _drive(60, 2)
    made = build_map(tiny_network, [drive], MapOptions(bounds=(-4.0, -4.0, 4.0, 4.0)))
    assert made.bounds == (-4.0, -4.0, 4.0, 4.0)
    for features, pose in zip(made.features, made.poses, strict=True):
        index = int(np.flatnonzero((drive.poses == pose).all(axis=1))[0])
        alone = tiny_network.context_embedding(images_to_tensor(drive.images[index : index + 1]))[0]
        torch.testing.assert_close(features, alone, atol=1e-5, rtol=1e-4)
