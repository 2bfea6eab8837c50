"""Feature tracks from descriptors and known poses."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import angle_deg, cameras, features_of, rays_of, scene

from localization_common.errors import ConfigError
from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import (
    FeatureTracks,
    MatchingConfig,
    find_tracks,
    mutual_best,
    neighbours,
    sampson_distance,
)
from localization_common.keyframes.features import Features

NOTHING = Features(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32), np.empty(0))


def test_true_pairs_lie_on_each_others_epipolar_lines() -> None:
    points, _ = scene(100)
    a, b = cameras(2)
    b_T_a = se3.inverse(b) @ a
    rays_a, rays_b = rays_of(points, a), rays_of(points, b)
    assert sampson_distance(rays_a, rays_b, b_T_a).max() < 1e-12


def test_the_distance_is_that_from_the_line_in_both_images() -> None:
    """Use cameras side by side: lines are rows; both rays share an offset of 0.01, 0.01 / sqrt(2) each."""
    b_T_a = np.eye(4)
    b_T_a[0, 3] = -0.5
    off = sampson_distance(np.array([[0.2, 0.1]]), np.array([[-0.1, 0.11]]), b_T_a)
    np.testing.assert_allclose(off, 0.01 / np.sqrt(2.0), rtol=1e-6)


def test_points_become_tracks() -> None:
    points, descriptors = scene(120)
    poses = cameras(5)
    seen = [features_of(points, descriptors, pose, seed=k) for k, pose in enumerate(poses)]
    tracks = find_tracks([features for features, _ in seen], poses, MatchingConfig())
    owner = np.array([seen[k][1][f] for k, f in zip(tracks.keyframe, tracks.feature, strict=True)])
    for point in range(tracks.points):
        assert len(set(owner[tracks.point == point])) == 1  # one point of the scene
    views = np.bincount(np.concatenate([which for _, which in seen]), minlength=120)
    assert tracks.points == (views >= 3).sum()
    assert len(tracks.point) == views[views >= 3].sum()


def test_similar_features_that_contradict_the_poses_are_not_joined() -> None:
    points, descriptors = scene(60)
    poses = cameras(3)
    features = [features_of(points, descriptors, pose)[0] for pose in poses]
    moved = Features(features[2].rays + 0.15, features[2].descriptors, features[2].sizes)
    assert find_tracks(features, poses, MatchingConfig()).points > 20
    assert find_tracks([*features[:2], moved], poses, MatchingConfig()).points < 3


def test_a_point_that_one_keyframe_sees_twice_is_left_out_there() -> None:
    """Let the last keyframe see two points at one place, similar to those of the first and the second keyframe."""
    points, descriptors = scene(41)
    points[40] = points[0] + 0.001
    descriptors[40] = 0.95 * descriptors[0] + 0.05 * descriptors[40]
    descriptors[40] /= np.linalg.norm(descriptors[40])
    poses = cameras(4, metres=0.1, degrees=1.0)
    seen = [np.delete(np.arange(41), which) for which in (40, 0, 40, [])]
    features = [Features(rays_of(points[s], poses[k]), descriptors[s], np.ones(len(s))) for k, s in enumerate(seen)]
    tracks = find_tracks(features, poses, MatchingConfig())
    in_last = tracks.keyframe == 3
    assert tracks.points == 40
    assert sorted(tracks.feature[in_last].tolist()) == list(range(1, 40))  # neither 0 nor 40


@pytest.mark.parametrize("features", [[NOTHING] * 4, [NOTHING]])
def test_keyframes_without_features_have_no_tracks(features: list[Features]) -> None:
    tracks = find_tracks(features, cameras(len(features)), MatchingConfig())
    assert tracks.points == 0
    assert len(tracks.keyframe) == 0


def test_a_keyframe_without_features_does_not_change_the_tracks_of_the_others() -> None:
    points, descriptors = scene(60)
    poses = cameras(4)
    features = [features_of(points, descriptors, pose)[0] for pose in poses]
    without = find_tracks(features[:3], poses[:3], MatchingConfig())
    assert find_tracks([*features[:3], NOTHING], poses, MatchingConfig()).points == without.points


def test_kept_tracks_are_renumbered_and_their_points_returned() -> None:
    tracks = FeatureTracks(np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), np.tile(np.arange(3), 3), np.arange(9))
    kept, points = tracks.keep(np.array([True] * 3 + [False] + [True] * 5))
    assert points.tolist() == [0, 2]
    assert kept.point.tolist() == [0, 0, 0, 1, 1, 1]
    assert kept.feature.tolist() == [0, 1, 2, 6, 7, 8]


def test_neighbours_are_near_look_the_same_way_and_are_not_in_one_place() -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = [0.0, 0.3, 0.3, 2.0, 0.5]
    poses[4, :3, :3] = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]  # turned by a right angle
    assert angle_deg(poses[0], poses[4]) == pytest.approx(90.0)
    assert list(neighbours(poses, MatchingConfig())) == [(0, 1), (0, 2)]
    line = np.tile(np.eye(4), (60, 1, 1))
    line[:, 0, 3] = 0.01 * np.arange(60)
    pairs = set(neighbours(line, MatchingConfig(nearest=2, spread=3)))
    assert {(a, a + 1) for a in range(59)} <= pairs
    assert max(b - a for a, b in pairs) > 20  # not only the closest
    assert len(pairs) <= 60 * 5


def test_best_pairs_are_mutual_and_clear() -> None:
    similarity = np.array([[0.95, 0.2, 0.1], [0.97, 0.1, 0.3], [0.1, 0.90, 0.89]], dtype=np.float32)
    rows, columns = mutual_best(similarity, 0.8)
    assert (rows.tolist(), columns.tolist()) == ([1], [0])  # row 0's best prefers row 1, row 2's best is not clear
    assert all(len(found) == 0 for found in mutual_best(np.ones((3, 0), dtype=np.float32), 0.8))


def test_configurations_are_checked() -> None:
    for wrong in ({"nearest": 0}, {"ratio": 1.5}, {"metres": 0.0}, {"epipolar": -1.0}):
        with pytest.raises(ConfigError):
            MatchingConfig(**wrong)
