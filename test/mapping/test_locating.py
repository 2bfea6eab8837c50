"""Tests of the poses of frames between keyframes: guesses, and their refinement in the map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_room import CAMERA, MOUNT, circle, errors, odometry, tick
from painted_room import drive

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.perturbation import isotropic
from localization_mapping.keyframe_map_building import keyframe_map_of
from localization_mapping.locating import interpolated, locate
from localization_mapping.mapped_place import MappedPlace


def blank(path: np.ndarray, odom_T_base: np.ndarray | None) -> Sequence:
    """Return a drive without pictures."""
    return Sequence(
        name="blank",
        camera=CAMERA,
        frame_numbers=np.arange(len(path)),
        stamps=200_000_000 * np.arange(len(path), dtype=np.int64),
        map_T_camera=np.full((len(path), 4, 4), np.nan),
        read_image=lambda position: np.zeros((CAMERA.height, CAMERA.width, 3), dtype=np.uint8),
        base_T_camera=MOUNT,
        odom_T_base=odom_T_base,
    )


def test_guesses_follow_right_odometry() -> None:
    path = circle(21, turns=0.5)
    chosen = np.array([3, 9, 10, 18])
    found = interpolated(blank(path, odometry(path)), chosen, path[chosen])
    np.testing.assert_allclose(found, path, atol=1e-9)  # also before the first keyframe and after the last one


def test_error_of_odometry_is_spread_between_keyframes() -> None:
    path = circle(11, turns=0.25)
    chosen = np.array([0, 10])
    odom = odometry(path, scale=1.1)
    found = interpolated(blank(path, odom), chosen, path[chosen])
    np.testing.assert_allclose(found[chosen], path[chosen], atol=1e-12)
    metres, _ = errors(found, path)
    assert metres.max() < 0.3 * errors(path[0] @ odom, path)[0].max()
    steps = np.linalg.norm(np.diff(found[:, :3, 3], axis=0), axis=1)
    assert steps.max() < 1.3 * steps.min()  # no jump before the second keyframe


def test_guesses_without_odometry_are_interpolated_over_time() -> None:
    path = circle(11, turns=0.2)
    chosen = np.array([2, 4, 8])
    sequence = blank(path, None)
    stamps = sequence.stamps.copy()
    stamps[5:8] = stamps[4] + np.array([1, 2, 3]) * 100_000_000  # frames come twice as fast there
    stamps[8:] = stamps[4] + np.array([4, 5, 6]) * 100_000_000
    found = interpolated(replace(sequence, stamps=stamps), chosen, path[chosen])
    np.testing.assert_array_equal(found[[0, 1, 9, 10]], path[[2, 2, 8, 8]])  # the nearest keyframe
    between, _ = errors(found[2:9], path[2:9])
    assert between.max() < 0.06


def test_frames_without_odometry_are_interpolated_and_others_follow_it() -> None:
    path = circle(9, turns=0.2)
    odom = odometry(path)
    odom[3] = np.nan
    found = interpolated(blank(path, odom), np.array([0, 8]), path[[0, 8]])
    np.testing.assert_allclose(np.delete(found, 3, axis=0), np.delete(path, 3, axis=0), atol=1e-9)
    assert errors(found[3:4], path[3:4])[0][0] < 0.3


@pytest.fixture(scope="module")
def keyframe_map(place: MappedPlace) -> KeyframeMap:
    return keyframe_map_of(
        place.points, place.map_T_camera, place.tracks, place.features, place.thumbnails,
        focal=place.focal, lens=place.lens, count=400, card={"origin": "test"},
    )  # fmt: skip


def test_keyframe_map_holds_the_place(place: MappedPlace, keyframe_map: KeyframeMap) -> None:
    kept, given = (points[np.lexsort(points.T)] for points in (keyframe_map.points, place.points.astype(np.float32)))
    np.testing.assert_array_equal(kept, given)  # in the order of tiles
    assert keyframe_map.card["observations"] == len(place.tracks.point)
    assert 0.05 < keyframe_map.noise * keyframe_map.focal < 1.0  # pixels
    np.testing.assert_array_equal(keyframe_map.correction.adjusted, place.map_T_camera)


def test_wrong_guesses_are_refined(place: MappedPlace, keyframe_map: KeyframeMap) -> None:
    (mapped,) = place.drives
    chosen = np.array([5, 17, 40])
    off = se3.from_parts([0.04, -0.02, 0.01], [1.0, 0.0, 0.01, 0.0])
    poses, residual, inliers = locate(
        mapped.sequence, mapped.map_T_camera @ off, chosen, keyframe_map,
        spreads=[isotropic(0.05, float(np.radians(1.5)))], contrast=0.04, tick=tick,
    )  # fmt: skip
    metres, degrees = errors(poses, mapped.map_T_camera[chosen])
    assert metres.max() < 0.015
    assert degrees.max() < 0.3
    assert (inliers > 30).all()
    assert (residual < 1.5).all()


def test_wrong_images_are_refused(place: MappedPlace, keyframe_map: KeyframeMap) -> None:
    """Pictures of another room, of one colour, and of the same room from the other side."""
    (mapped,) = place.drives
    count = 4
    elsewhere = drive(circle(count), odometry(circle(count)), seed=5)
    images = [elsewhere.read_image(0), elsewhere.read_image(2), np.full_like(elsewhere.read_image(0), 90)]
    images.append(mapped.sequence.read_image(25))  # half a turn further
    guesses = mapped.map_T_camera[:count].copy()
    wrong = replace(elsewhere, read_image=images.__getitem__)
    poses, residual, inliers = locate(
        wrong,
        guesses,
        np.arange(count),
        keyframe_map,
        spreads=[isotropic(0.03, float(np.radians(1.0)))],
        contrast=0.04,
        tick=tick,
    )
    np.testing.assert_array_equal(poses, guesses)
    assert inliers.tolist() == [0] * count
    assert np.isnan(residual).all()
