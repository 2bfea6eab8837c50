"""TF of a robot with many joints: it costs neither memory nor the reading of what is needed."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bag_cases import TF, Message, along, mount, odometry_at, stamp, tf, truth_at, write_bag

from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.geometry import planar, se3

SECONDS, JOINTS = 20.0, 20
TIMES = np.arange(0.0, SECONDS, 0.02)


def joints(seconds: float) -> Message:
    """Joints of an arm that moves."""
    turned = planar.to_se3(np.array([0.1, 0.0, np.sin(seconds)]))
    names = ["base_link", *(f"arm_{i}" for i in range(JOINTS))]
    links = [encoding.transform(stamp(seconds), a, b, turned) for a, b in pairwise(names)]
    return Message("/tf", TF, stamp(seconds), encoding.new(TF, transforms=links))


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    """Bag of a robot with an arm, odometry and a localizer."""
    moves = along(lambda t: tf(t, "odom", "base_link", odometry_at(t)), TIMES)
    located = along(lambda t: tf(t, "map", "odom", truth_at(t) @ se3.inverse(odometry_at(t))), TIMES)
    messages = [mount(), *moves, *located, *along(joints, TIMES)]
    return Bag(write_bag(tmp_path_factory.mktemp("arm") / "bag", messages))


def test_joints_take_no_memory(bag: Bag) -> None:
    transforms = BagTransforms(bag, "/tf_static")
    tracemalloc.start()
    try:
        track = transforms.track("odom", "base_link")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert track is not None
    assert most < 40 * len(TIMES) * JOINTS  # bytes: a pose of each joint alone would be 128


def test_the_poses_are_those_of_the_drive(bag: Bag) -> None:
    transforms = BagTransforms(bag, "/tf_static")
    for frame, expected in (("odom", odometry_at), ("map", truth_at)):
        track = transforms.track(frame, "base_link")
        assert track is not None
        assert (track.stamps == [stamp(float(t)) for t in TIMES]).all()
        np.testing.assert_allclose(track.poses, np.stack([expected(float(t)) for t in TIMES]), atol=1e-9)
    assert len(transforms.moving) == JOINTS + 2
    assert transforms.refused.total == 0


def test_bad_transforms_of_a_needed_link_are_counted_once(tmp_path: Path) -> None:
    bad = [tf(t, "odom", "base_link", odometry_at(t)) for t in (0.0, 1.03)]
    for message in bad:
        message.content.transforms[0].transform.rotation.w = float("nan")
    messages = [mount(), *bad, *along(lambda t: tf(t, "odom", "base_link", odometry_at(t)), TIMES[1:])]
    twice = tf(2.0, "odom", "base_link", odometry_at(3.0))._replace(time=stamp(2.0) + 1)
    transforms = BagTransforms(Bag(write_bag(tmp_path / "bag", [*messages, twice])), "/tf_static")
    track = transforms.track("odom", "base_link")
    assert track is not None
    assert len(track) == len(TIMES) - 1
    assert transforms.refused.total == 3
    assert "another pose has the same stamp" in transforms.refused.reasons("transforms")
