"""Depth of rendered frames from the points of a map, against the rendered depth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.building import KeyframeConfig, build, choose
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.map_depth import MapDepth, with_map_depth

CAMERA = Camera.from_field_of_view(320, 240, 80.0)
#: Frames of a drive through the living room at 10 Hz; every fourth one is not in the map.
ROOM = range(696, 752)


@pytest.fixture(scope="module")
def room() -> tuple[KeyframeMap, Sequence]:
    """Map of a room, and frames between those of the map, with true depth."""
    from localization_sim.apartments.apartment import Apartment
    from localization_sim.drive import as_sequence, in_memory, plan
    from localization_sim.rendering import Renderer

    with Renderer(Apartment.from_seed(0), CAMERA) as renderer:
        drive = as_sequence(renderer, plan(renderer, "train_00", rate=10.0), depth=True, labels=False)
        frames = in_memory(drive.select(list(ROOM)))
    others = np.arange(len(ROOM)) % 4 == 1
    mapped = replace(frames.select(~others), read_depth=None)
    config = KeyframeConfig()
    return build(choose([mapped], config, lambda *_: None), config), frames.select(others)


def errors(found: Sequence, true: Sequence) -> tuple[np.ndarray, float]:
    """Return relative errors of all pixels with depth, and their share of all."""
    assert found.read_depth is not None
    assert true.read_depth is not None
    pairs = [(found.read_depth(i), true.read_depth(i)) for i in range(len(true))]
    both = np.concatenate([np.stack([a.ravel(), b.ravel()]) for a, b in pairs], axis=1)
    known = both[:, np.isfinite(both).all(axis=0)]
    return np.abs(known[0] - known[1]) / known[1], known.shape[1] / both.shape[1]


def test_depth_between_the_points_is_that_of_the_scene(room) -> None:
    known, frames = room
    relative, coverage = errors(with_map_depth(replace(frames, read_depth=None), known), frames)
    assert np.median(relative) < 0.02
    assert np.quantile(relative, 0.95) < 0.15
    assert coverage > 0.08


def test_points_behind_a_wall_are_not_seen(room) -> None:
    """A second set of points, at twice the distance, with the looks of other points."""
    known, frames = room
    rng = np.random.default_rng(0)
    appearances = rng.permutation(len(known.descriptors))
    eye = frames.map_T_camera[3][:3, 3]
    behind = (2.0 * (known.points - eye) + eye).astype(np.float32)
    sight = behind[known.appearance_point] - eye
    ranges = np.linalg.norm(sight, axis=1)
    both = replace(
        known,
        points=np.concatenate([known.points, behind]),
        appearance_point=np.concatenate([known.appearance_point, known.appearance_point + len(known.points)]),
        descriptors=np.concatenate([known.descriptors, known.descriptors[appearances]]),
        directions=np.concatenate([known.directions, (sight / ranges[:, None]).astype(np.float32)]),
        ranges=np.concatenate([known.ranges, ranges.astype(np.float32)]),
    )
    image, pose = frames.read_image(3), frames.map_T_camera[3]
    found, expected = MapDepth(both, CAMERA)(image, pose), MapDepth(known, CAMERA)(image, pose)
    assert np.mean(np.isfinite(found) == np.isfinite(expected)) > 0.99
    assert np.nanmax(found / expected) < 1.1


def test_larger_and_distorted_images_get_the_same_depth(room) -> None:
    known, frames = room
    image, pose = frames.read_image(3), frames.map_T_camera[3]
    expected = MapDepth(known, CAMERA)(image, pose)
    size = (700, 525)
    larger = MapDepth(known, CAMERA.resized(*size))(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), pose)
    assert larger.shape == (525, 700)
    assert larger.dtype == np.float32
    smaller = cv2.resize(larger, (320, 240), interpolation=cv2.INTER_NEAREST)
    known_in_both = np.isfinite(expected) & np.isfinite(smaller)
    assert known_in_both.mean() > 0.5 * np.isfinite(expected).mean()
    assert np.median(np.abs(smaller - expected)[known_in_both] / expected[known_in_both]) < 0.01
    bent = replace(CAMERA, distortion=(-0.2, 0.05, 0.0, 0.0, 0.0))
    u, v = np.meshgrid(np.arange(320.0), np.arange(240.0))
    straight = CAMERA.project(bent.rays(np.column_stack([u.ravel(), v.ravel()]))).astype(np.float32)
    warped = cv2.remap(image, straight.reshape(240, 320, 2), None, cv2.INTER_LINEAR)
    found = MapDepth(known, bent)(warped, pose)
    there = cv2.remap(expected, straight.reshape(240, 320, 2), None, cv2.INTER_NEAREST)
    known_in_both = np.isfinite(found) & np.isfinite(there) & (there > 0)
    assert known_in_both.sum() > 1000
    assert np.median(np.abs(found - there)[known_in_both] / there[known_in_both]) < 0.01


def test_the_depth_of_a_camera_is_used_where_there_is_one(room) -> None:
    known, frames = room
    assert with_map_depth(frames, known) is frames


def test_frames_without_a_pose_have_no_depth(room) -> None:
    known, frames = room
    poses = frames.map_T_camera.copy()
    poses[3] = np.nan
    found = with_map_depth(replace(frames, read_depth=None, map_T_camera=poses), known)
    assert found.read_depth is not None
    assert np.isnan(found.read_depth(3)).all()
    assert found.summary.fact("depth").endswith("points of the keyframe map, where they are seen")
    later = found.select([2, 5])
    assert later.read_depth is not None
    np.testing.assert_array_equal(later.read_depth(1), found.read_depth(5))
