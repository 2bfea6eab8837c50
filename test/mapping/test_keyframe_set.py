"""Tests of keyframes as arrays, and of keyframes of several drives."""

from __future__ import annotations

import numpy as np
from made_room import CAMERA, MOUNT, circle, depths, keyframes_of, made_keyframes, odometry, points_on_walls, views

from localization_mapping.keyframe_set import KeyframeSet, StoredFeatures


def test_descriptors_and_rays_survive_storage() -> None:
    points, looks = points_on_walls(300)
    features, shown = views(points, looks, circle(3) @ MOUNT)
    stored = StoredFeatures.of(features, depths(points, shown, circle(3) @ MOUNT))
    assert [len(f) for f in stored] == [len(f) for f in features]
    for read, given in zip(stored, features, strict=True):
        np.testing.assert_allclose(read.rays, given.rays, atol=1e-6)
        np.testing.assert_allclose(read.descriptors, given.descriptors, atol=0.005)
        np.testing.assert_allclose(np.linalg.norm(read.descriptors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(stored[-1].rays, stored[2].rays)
    assert [len(f) for f in stored[1:]] == [len(f) for f in features[1:]]


def test_set_goes_through_arrays_unchanged() -> None:
    given = made_keyframes(circle(6), drive=1)
    read = KeyframeSet.of({name: array.copy() for name, array in given.arrays.items()})
    assert read.focal == CAMERA.fx
    assert set(read.arrays) == set(given.arrays)
    for name, array in given.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)


def test_joined_drives_keep_their_features_and_motions() -> None:
    first, second = made_keyframes(circle(4)), made_keyframes(circle(3, turns=0.3), drive=1)
    joined = KeyframeSet.joined([first, second])
    assert joined.drive.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert list(joined.steps()) == [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6)]  # no motion from drive to drive
    for k, (part, own) in enumerate([(first, k) for k in range(4)] + [(second, k) for k in range(3)]):
        np.testing.assert_array_equal(joined.features[k].rays, part.features[own].rays)
        np.testing.assert_array_equal(joined.features[k].descriptors, part.features[own].descriptors)
        np.testing.assert_array_equal(joined.odom_T_base[k], part.odom_T_base[own])
        np.testing.assert_array_equal(joined.thumbnails[k], part.thumbnails[own])


def test_camera_poses_contain_the_mount() -> None:
    poses = circle(5)
    points, looks = points_on_walls(50)
    keyframes = keyframes_of(views(points, looks, poses @ MOUNT)[0], odometry(poses))
    np.testing.assert_allclose(keyframes.odom_T_camera @ keyframes.camera_T_base, keyframes.odom_T_base, atol=1e-12)
    np.testing.assert_allclose(keyframes.odom_T_camera[0], MOUNT, atol=1e-12)
