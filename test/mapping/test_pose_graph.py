"""Tests of the pose graph: drift is removed, wrong closures are named, drives get into one frame."""

from __future__ import annotations

import numpy as np
import pytest
from made_room import MOUNT, circle, errors, made_keyframes, odometry, shifted

from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_mapping.closures import Closure
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.motion_noise import MotionNoise
from localization_mapping.pose_graph import optimize_pose_graph, placed_drives

TRUE = circle(60, turns=1.5)
#: Exact closures of the second time around with the first one.
PAIRS = [(k, k + 40) for k in range(0, 20, 2)]
COVARIANCE = np.diag(np.square([0.03] * 3 + [0.01] * 3))


def closure(a: int, b: int, *, off: np.ndarray | None = None, poses: np.ndarray = TRUE) -> Closure:
    """Return a closure that is right, or off by a transform."""
    cameras = poses @ MOUNT
    relative = se3.inverse(cameras[a]) @ cameras[b]
    return Closure(a, b, relative if off is None else relative @ off, COVARIANCE, 50)


@pytest.fixture(scope="module")
def drifting() -> KeyframeSet:
    """Keyframes with odometry that ends 0.4 m beside the truth."""
    odom = odometry(TRUE, turning=1.04, metres=0.002, degrees=0.3)
    return made_keyframes(TRUE, odom_T_base=odom, count=200)


def relative(poses: np.ndarray) -> np.ndarray:
    return se3.inverse(poses[:1]) @ poses


def test_drift_is_removed_and_wrong_closures_are_named(drifting: KeyframeSet) -> None:
    right = [closure(a, b) for a, b in PAIRS]
    wrong = [closure(a, b, off=se3.from_parts([x, 0.3, 0.8], [1, 0, 0, 0])) for a, b, x in ((3, 30, 1.0), (9, 50, -1))]
    closures = [*right[:4], wrong[0], *right[4:], wrong[1]]
    start = placed_drives(drifting, drifting.odom_T_base, 1, closures, ["monday"])
    poses, agree = optimize_pose_graph(drifting, start, closures, MotionNoise())
    assert agree.tolist() == [c in right for c in closures]
    before, after = (errors(relative(p), relative(TRUE))[0] for p in (start, poses))
    assert before.max() > 0.3
    assert after.max() < 0.3 * before.max()


def test_wrong_closures_alone_do_not_bend_odometry(drifting: KeyframeSet) -> None:
    wrong = [closure(3, 30, off=shifted(1.5, 1.0, 90.0)), closure(9, 50, off=shifted(-2.0, 0.5, 40.0))]
    poses, agree = optimize_pose_graph(drifting, drifting.odom_T_base, wrong, MotionNoise())
    assert not agree.any()
    assert errors(poses, drifting.odom_T_base)[0].max() < 0.01


def test_without_closures_odometry_stays(drifting: KeyframeSet) -> None:
    poses, agree = optimize_pose_graph(drifting, drifting.odom_T_base, [], MotionNoise())
    assert len(agree) == 0
    np.testing.assert_allclose(poses, drifting.odom_T_base, atol=1e-6)


@pytest.fixture(scope="module")
def three() -> tuple[KeyframeSet, np.ndarray]:
    """Three drives, whose odometry starts anywhere, and their true poses."""
    paths = [circle(20, turns=0.6), circle(20, turns=0.6, radius=1.2), circle(20, turns=0.6, start=2.0)]
    frames = [shifted(0, 0, 0), shifted(5.0, -3.0, 120.0), shifted(-40.0, 7.0, -60.0)]
    drives = [
        made_keyframes(path, odom_T_base=frame @ odometry(path), drive=d, count=100)
        for d, (path, frame) in enumerate(zip(paths, frames, strict=True))
    ]
    return KeyframeSet.joined(drives), np.concatenate(paths)


def between(poses: np.ndarray, a: int, b: int, count: int) -> list[Closure]:
    return [closure(20 * a + k, 20 * b + k, poses=poses) for k in range(count)]


def test_drives_get_into_one_frame(three: tuple[KeyframeSet, np.ndarray]) -> None:
    """The third drive meets the second one only; a closure with the first one is wrong."""
    keyframes, true = three
    wrong = closure(2, 45, off=shifted(3.0, 0.0, 60.0), poses=true)
    closures = [*between(true, 0, 1, 6), *between(true, 2, 1, 5), wrong]
    placed = placed_drives(keyframes, keyframes.odom_T_base, 1, closures, ["monday", "tuesday", "friday"])
    np.testing.assert_allclose(placed, relative(true), atol=1e-6)
    poses, agree = optimize_pose_graph(keyframes, placed, closures, MotionNoise())
    assert agree.tolist() == [True] * 11 + [False]
    assert errors(poses, relative(true))[0].max() < 1e-3


def test_drive_without_shared_views_is_named(three: tuple[KeyframeSet, np.ndarray]) -> None:
    keyframes, true = three
    closures = [*between(true, 0, 1, 6), *between(true, 0, 2, 3)]
    with pytest.raises(DatasetError, match=r"friday: only 3 views agree .* record a drive"):
        placed_drives(keyframes, keyframes.odom_T_base, 1, closures, ["monday", "tuesday", "friday"])


def test_closures_that_contradict_each_other_place_no_drive(three: tuple[KeyframeSet, np.ndarray]) -> None:
    keyframes, true = three
    scattered = [closure(k, 20 + k, off=shifted(2.0 * k, 0.0, 25.0 * k), poses=true) for k in range(6)]
    with pytest.raises(DatasetError, match="tuesday"):
        placed_drives(
            keyframes, keyframes.odom_T_base, 1, [*scattered, *between(true, 0, 2, 6)], ["monday", "tuesday", "friday"]
        )
