"""Tests of loop closures: relative poses, and look-alikes that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from made_room import MOUNT, circle, keyframes_of, made_keyframes, odometry, points_on_walls, tick, views

from localization_common.geometry import se3
from localization_common.keyframes.features import Features
from localization_mapping.closures import NEARBY, find_closures, relate
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.local_structure import local_points
from localization_mapping.options import MappingOptions

OPTIONS = MappingOptions(similar=3)
TRUE = circle(40, turns=1.3)


@pytest.fixture(scope="module")
def loop() -> KeyframeSet:
    """Keyframes of more than a loop, with odometry that measures 1 % too much of each turn."""
    return made_keyframes(TRUE, odom_T_base=odometry(TRUE, turning=1.01), noise=0.3)


@pytest.fixture(scope="module")
def points(loop: KeyframeSet) -> list[np.ndarray]:
    return local_points(loop, tick)


def test_closures_of_a_loop_have_the_right_relative_poses(loop: KeyframeSet, points: list[np.ndarray]) -> None:
    closures = find_closures(loop, points, OPTIONS, tick)
    cameras = TRUE @ MOUNT
    assert {max(c.a, c.b) for c in closures} > set(range(34, 40))  # the second time at the same places
    metres, degrees = [], []
    for closure in closures:
        assert abs(closure.a - closure.b) > NEARBY
        assert closure.inliers >= OPTIONS.closure_inliers
        off = se3.inverse(se3.inverse(cameras[closure.a]) @ cameras[closure.b]) @ closure.a_T_b
        metres.append(np.linalg.norm(off[:3, 3]))
        degrees.append(np.degrees(se3.rotation_angle(off[:3, :3])))
    assert np.median(metres) < 0.05
    assert np.quantile(metres, 0.9) < 0.12
    assert np.median(degrees) < 1.0


def test_covariance_of_a_closure_covers_its_error(loop: KeyframeSet, points: list[np.ndarray]) -> None:
    closure = relate(loop, points, 35, 4, 20)
    assert closure is not None
    assert (np.linalg.eigvalsh(closure.covariance) > 0.0).all()
    assert np.sqrt(np.diag(closure.covariance)[:3]).max() < 0.1


def test_look_alikes_without_common_geometry_are_refused(loop: KeyframeSet, points: list[np.ndarray]) -> None:
    """A view with the same descriptors at other places: posters of one kind in two rooms."""
    rng = np.random.default_rng(0)
    same = loop.features[4]
    shuffled = Features(rng.permutation(same.rays), same.descriptors, same.sizes)
    features = [shuffled if k == 35 else loop.features[k] for k in range(len(loop))]
    assert relate(loop, points, 35, 4, 20) is not None
    faked = keyframes_of(features, loop.odom_T_base)
    unknown = [np.full((len(f), 3), np.nan) if k == 35 else points[k] for k, f in enumerate(features)]
    assert relate(faked, unknown, 35, 4, 20) is None


def test_views_of_other_walls_are_refused(loop: KeyframeSet, points: list[np.ndarray]) -> None:
    assert relate(loop, points, 0, 15, 20) is None


def test_keyframes_shortly_after_each_other_are_no_closures(points: list[np.ndarray], loop: KeyframeSet) -> None:
    half = 14  # less than half a loop: every view is seen once
    part = keyframes_of([loop.features[k] for k in range(half)], loop.odom_T_base[:half])
    closures = find_closures(part, points[:half], OPTIONS, tick)
    assert all(abs(c.a - c.b) > NEARBY for c in closures)


def test_other_drives_are_compared_from_their_first_keyframe() -> None:
    start = circle(12, turns=0.3)
    both = KeyframeSet.joined([made_keyframes(start), made_keyframes(start, drive=1)])
    closures = find_closures(both, local_points(both, tick), OPTIONS, tick)
    assert {c.b if c.a < 12 else c.a for c in closures} == set(range(12, 24))
    for closure in closures:
        a, b = (start[k % 12] @ MOUNT for k in (closure.a, closure.b))
        np.testing.assert_allclose(closure.a_T_b, se3.inverse(a) @ b, atol=0.05)


def test_rooms_without_common_points_have_no_closures() -> None:
    path = circle(10, turns=0.3)
    points, looks = points_on_walls(1000, seed=9)
    other = keyframes_of(views(points, looks, path @ MOUNT)[0], odometry(path), drive=1)
    both = KeyframeSet.joined([made_keyframes(path, count=1000), other])
    closures = find_closures(both, local_points(both, tick), OPTIONS, tick)
    assert not any(both.drive[c.a] != both.drive[c.b] for c in closures)
