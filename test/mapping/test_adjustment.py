"""Tests of the bundle adjustment: poses, scale, slipping wheels, depth, and poses that stay."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from made_room import (
    CAMERA,
    MOUNT,
    circle,
    depths,
    errors,
    keyframes_of,
    odometry,
    points_on_walls,
    views,
)  # fmt: skip

from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_mapping.adjustment import Structure, adjust
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.motion_noise import MotionNoise

TRUE = se3.inverse(circle(12, turns=0.4)[:1]) @ circle(12, turns=0.4)
SIGMA = 0.5 / CAMERA.fx


@dataclass(frozen=True)
class Problem:
    """Keyframes with right odometry, their points, and which feature shows which point."""

    keyframes: KeyframeSet
    points: np.ndarray
    tracks: FeatureTracks

    def with_odometry(self, odom_T_base: np.ndarray) -> KeyframeSet:
        return replace(self.keyframes, odom_T_base=odom_T_base)

    def disturbed(self, metres: float = 0.05, degrees: float = 1.0) -> Structure:
        """Return a start that is wrong everywhere but at the first pose."""
        rng = np.random.default_rng(4)
        twists = rng.normal(size=(len(TRUE), 6)) * ([metres] * 3 + [np.radians(degrees)] * 3)
        poses = np.stack([TRUE[0], *(pose @ se3.exp(twist) for pose, twist in zip(TRUE[1:], twists[1:], strict=True))])
        return Structure(poses, self.points + 0.1 * rng.normal(size=self.points.shape))


def problem(*, noise: float = 0.0, depth: bool = False) -> Problem:
    points, looks = points_on_walls(500)
    room_T_map = circle(12, turns=0.4)[0]
    points = (points - room_T_map[:3, 3]) @ room_T_map[:3, :3]
    cameras = TRUE @ MOUNT
    features, shown = views(points, looks, cameras, noise=noise)
    tracks = FeatureTracks(
        np.concatenate(shown),
        np.repeat(np.arange(len(shown)), [len(s) for s in shown]),
        np.concatenate([np.arange(len(s)) for s in shown]),
    )
    tracks, kept = tracks.keep(np.ones(len(tracks.point), dtype=bool))
    measured = depths(points, shown, cameras) if depth else None
    return Problem(keyframes_of(features, odometry(TRUE), depth=measured), points[kept], tracks)


@pytest.fixture(scope="module")
def exact() -> Problem:
    return problem()


def test_problem_without_noise_is_exact(exact: Problem) -> None:
    found = adjust(exact.keyframes, exact.disturbed(), exact.tracks, MotionNoise(), sigma=SIGMA)
    metres, degrees = errors(found.map_T_base, TRUE)
    assert metres.max() < 1e-3
    assert degrees.max() < 0.02
    assert np.median(np.linalg.norm(found.points - exact.points, axis=1)) < 1e-3


def test_noise_of_the_features_is_averaged() -> None:
    noisy = problem(noise=0.5)
    found = adjust(noisy.keyframes, noisy.disturbed(), noisy.tracks, MotionNoise(), sigma=SIGMA)
    metres, degrees = errors(found.map_T_base, TRUE)
    assert np.median(metres) < 0.01
    assert np.median(degrees) < 0.15


def test_odometry_gives_the_scale(exact: Problem) -> None:
    """Wheels that are 10 % larger than given make a map that is as much smaller, from a start at the true scale."""
    keyframes = exact.with_odometry(odometry(TRUE, scale=0.9))
    found = adjust(keyframes, Structure(TRUE, exact.points), exact.tracks, MotionNoise(), sigma=SIGMA)
    ratio = length(found.map_T_base) / length(TRUE)
    assert ratio == pytest.approx(0.9, abs=0.02)


def test_wheel_that_slipped_has_little_effect(exact: Problem) -> None:
    """A motion that was not there: 0.4 m, between the sixth and the seventh keyframe."""
    odom = exact.keyframes.odom_T_base.copy()
    slip = np.eye(4)
    slip[0, 3] = 0.4
    odom[6:] = odom[5] @ slip @ se3.inverse(odom[5]) @ odom[6:]
    found = adjust(exact.with_odometry(odom), exact.disturbed(), exact.tracks, MotionNoise(), sigma=SIGMA)
    assert errors(odom, TRUE)[0].max() > 0.35
    assert errors(found.map_T_base, TRUE)[0].max() < 0.04


def test_depth_gives_the_scale_without_odometry(exact: Problem) -> None:
    deep = problem(depth=True)
    start = Structure(scaled(TRUE, 1.2), 1.2 * deep.points)
    with_depth = adjust(deep.keyframes, start, deep.tracks, None, sigma=SIGMA)
    without = adjust(exact.keyframes, start, exact.tracks, None, sigma=SIGMA)
    assert length(with_depth.map_T_base) / length(TRUE) == pytest.approx(1.0, abs=0.01)
    assert length(without.map_T_base) / length(TRUE) > 1.1


def test_fixed_poses_stay_and_the_others_follow_their_points(exact: Problem) -> None:
    """The first four poses are those of another map; odometry and the others begin elsewhere."""
    map_T_odom = se3.from_parts([2.0, -1.0, 0.3], [0.9, 0.0, 0.1, 0.4])
    moved = exact.disturbed()
    poses = map_T_odom @ np.concatenate([TRUE[:4], moved.map_T_base[4:]])
    start = Structure(poses, moved.points @ map_T_odom[:3, :3].T + map_T_odom[:3, 3])
    found = adjust(exact.keyframes, start, exact.tracks, MotionNoise(), sigma=SIGMA, fixed=4)
    np.testing.assert_array_equal(found.map_T_base[:4], poses[:4])
    metres, degrees = errors(found.map_T_base, map_T_odom @ TRUE)
    assert metres.max() < 5e-3
    assert degrees.max() < 0.1


def test_points_that_only_fixed_poses_see_stay(exact: Problem) -> None:
    later = exact.tracks.keyframe >= 4
    only_before = np.setdiff1d(exact.tracks.point[~later], exact.tracks.point[later])
    start = exact.disturbed()
    found = adjust(exact.keyframes, start, exact.tracks, MotionNoise(), sigma=SIGMA, fixed=4)
    assert len(only_before) > 0
    np.testing.assert_array_equal(found.points[only_before], start.points[only_before])


def length(poses: np.ndarray) -> float:
    """Return the metres between consecutive poses, all together."""
    return float(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).sum())


def scaled(poses: np.ndarray, factor: float) -> np.ndarray:
    """Return poses of the base with larger distances between the cameras: the mount stays as it is."""
    cameras = poses @ MOUNT
    cameras[:, :3, 3] *= factor
    return np.asarray(cameras @ se3.inverse(MOUNT))
