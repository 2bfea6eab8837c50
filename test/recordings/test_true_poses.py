"""True poses of a bag: every type that holds them, any rate, gaps over which the odometry carries them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from bag_cases import (
    BASE_T_CAMERA,
    ODOMETRY,
    POSE,
    POSE_COVARIANCE,
    TRANSFORM,
    Message,
    along,
    images,
    mount,
    odometry,
    odometry_at,
    pose,
    stamp,
    tf,
    truth,
    truth_at,
    write_bag,
)

from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import write_tum

TIMES = np.arange(-0.2, 4.2, 0.1)


def require_true(read: Sequence, *, atol: float = 0.002) -> None:
    """Assert that every frame has the pose of the drive at its time."""
    assert read.has_pose.all()
    expected = np.stack([truth_at(float(t - stamp(0.0)) * 1e-9) for t in read.stamps])
    np.testing.assert_allclose(read.map_T_base, expected, atol=atol)


@pytest.mark.parametrize("kind", [POSE, POSE_COVARIANCE, ODOMETRY, TRANSFORM])
def test_every_type_of_pose_is_a_true_pose(tmp_path: Path, kind: str) -> None:
    poses = along(lambda t: pose(t, truth_at(t), kind, topic="/ground_truth", child="base_link"), TIMES)
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *poses, *images()]))
    require_true(read)
    assert "/ground_truth" in read.summary.text()
    np.testing.assert_allclose(read.map_T_camera, read.map_T_base @ BASE_T_CAMERA, atol=1e-12)


def test_amcl_poses_are_taken_and_reported(tmp_path: Path) -> None:
    poses = along(lambda t: pose(t, truth_at(t), POSE_COVARIANCE, topic="/amcl_pose"), TIMES)
    goal = along(lambda t: pose(t, np.eye(4), POSE, topic="/goal_pose"), TIMES[:2])
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *poses, *goal, *images()]))
    require_true(read)
    assert any("/amcl_pose" in note and "true poses" in note for note in read.summary.assumed)


def test_transforms_from_map_to_base_are_true_poses(tmp_path: Path) -> None:
    corrections = along(lambda t: tf(t, "map", "odom", truth_at(t) @ np.linalg.inv(odometry_at(t))), TIMES)
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *ODOMETRY_IN_TF, *corrections, *images()]))
    require_true(read)
    assert read.has_odometry.all()


SHIFT = np.array([[0.0, -1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
ODOMETRY_IN_TF = along(lambda t: tf(t, "odom", "base_link", odometry_at(t)), np.arange(-0.2, 4.2, 0.05))


@pytest.mark.parametrize("odometries", [[], along(odometry, TIMES)])
@pytest.mark.parametrize(
    "still",
    [[tf(0.0, "map", "odom", np.eye(4), topic="/tf_static")], along(lambda t: tf(t, "map", "odom", SHIFT), TIMES)],
)
def test_odometry_under_a_map_frame_that_never_moves_is_no_truth(
    tmp_path: Path, still: list[Message], odometries: list[Message]
) -> None:
    bag = write_bag(tmp_path / "bag", [mount(), *ODOMETRY_IN_TF, *still, *odometries, *images()])
    read = read_bag(bag)
    assert not read.has_pose.any()
    assert read.has_odometry.all()
    assert "map -> odom never moves: that is the odometry" in read.summary.text()
    assert read_bag(bag, RecordingOptions(topics=BagTopics(ground_truth="/tf"))).has_pose.all()


def test_a_tum_file_beside_the_bag_is_true(tmp_path: Path) -> None:
    write_tum(tmp_path / "poses.tum", np.array([stamp(t) for t in TIMES]), np.stack([truth_at(t) for t in TIMES]))
    bag = write_bag(tmp_path / "bag", [mount(), *images()])
    require_true(read_bag(bag, RecordingOptions(poses=str(tmp_path / "poses.tum"))))


def test_poses_of_another_frame_on_the_robot_are_brought_to_the_base(tmp_path: Path) -> None:
    poses = along(
        lambda t: pose(t, truth_at(t) @ BASE_T_CAMERA, TRANSFORM, topic="/ground_truth", child="camera"), TIMES
    )
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *poses, *images()]))
    require_true(read)


def test_poses_of_a_frame_that_tf_does_not_join_to_the_base_are_refused(tmp_path: Path) -> None:
    name = "/vicon/turtlebot/turtlebot"
    poses = along(lambda t: pose(t, truth_at(t), TRANSFORM, topic=name, frame="vicon", child="marker"), TIMES)
    require_remark(
        write_bag(tmp_path / "bag", [mount(), *along(odometry, TIMES), *poses, *images()]),
        name,
        r"/vicon/turtlebot/turtlebot has poses of marker.*base_link",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/scan", r"/scan \(--topics.ground-truth\) is of type std_msgs/msg/String; accepted are .*TFMessage"),
        ("/nothing", r"no topic /nothing \(--topics.ground-truth\); topics of a fitting type are .*/odom"),
    ],
)
def test_a_topic_that_holds_no_poses_is_named_with_what_is_accepted(tmp_path: Path, name: str, expected: str) -> None:
    scan = Message("/scan", "std_msgs/msg/String", stamp(0.0), encoding.new("std_msgs/msg/String", data=""))
    bag = write_bag(tmp_path / "bag", [mount(), scan, *along(odometry, TIMES), *images()])
    with pytest.raises(DatasetError, match=expected):
        read_bag(bag, RecordingOptions(topics=BagTopics(ground_truth=name)))


def test_without_true_poses_every_frame_is_read_and_the_remedy_is_named(tmp_path: Path) -> None:
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *along(odometry, TIMES), *images()]))
    assert len(read) == 20
    assert not read.has_pose.any()
    with pytest.raises(DatasetError, match=r"PoseWithCovarianceStamped.*--topics.ground-truth.*--poses"):
        read.with_poses()


@pytest.mark.parametrize("period", [0.6, 1.0])
def test_odometry_carries_true_poses_at_the_pace_of_amcl(tmp_path: Path, period: float) -> None:
    """Drive half a metre along a curve between two poses at 1 Hz; the odometry is 2 % too long."""
    times = np.arange(0.0, 5.0, period)
    bag = write_bag(
        tmp_path / "bag", [mount(), *along(odometry, np.arange(-0.2, 5.0, 0.05)), *along(truth, times), *images()]
    )
    read = read_bag(bag)
    require_true(read, atol=0.006)
    assert "carried by the odometry" in read.summary.text()


def test_frames_in_a_gap_of_the_true_poses_are_kept_without_pose(tmp_path: Path) -> None:
    times = [*np.arange(0.0, 2.0, 0.5), *np.arange(8.0, 10.5, 0.5)]
    messages = [mount(), *along(odometry, np.arange(-0.2, 11.0, 0.05)), *along(truth, times), *images(50)]
    read = read_bag(write_bag(tmp_path / "bag", messages))
    assert len(read) == 50
    known = (read.stamps <= stamp(1.5)) | (read.stamps >= stamp(8.0))
    np.testing.assert_array_equal(read.has_pose, known)
    assert f"{known.sum()} of 50 images have one" in read.summary.text()
    longer = read_bag(tmp_path / "bag", RecordingOptions(max_pose_gap=7.0))
    assert longer.has_pose.all()


def test_odometry_that_contradicts_the_true_poses_does_not_carry_them(tmp_path: Path) -> None:
    """Test a localizer that jumped by two metres: the frames between have no pose."""
    times = np.arange(0.0, 4.5, 1.0)
    jump = np.zeros((4, 4))
    jump[0, 3] = 2.0
    jumped = along(lambda t: pose(t, truth_at(t) + (t > 1.5) * jump, topic="/ground_truth/pose"), times)
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *along(odometry, TIMES), *jumped, *images()]))
    between = (read.stamps > stamp(1.0)) & (read.stamps < stamp(2.0))
    assert not read.has_pose[between].any()
    assert read.has_pose[read.stamps < stamp(1.0)].all()


def test_true_poses_of_another_clock_are_refused_with_both_times(tmp_path: Path) -> None:
    elsewhen = along(lambda t: pose(t - 1e9, truth_at(t), POSE_COVARIANCE, topic="/amcl_pose"), TIMES)
    require_remark(
        write_bag(tmp_path / "bag", [mount(), *along(odometry, TIMES), *elsewhen, *images()]),
        "/amcl_pose",
        r"images on /image are from 1700000000\.000 .*from 69999999.*different clocks",
    )


def require_remark(bag: Path, name: str, reason: str) -> None:
    """Require that poses are refused if the user names them; else that the rest of the bag is read with a remark."""
    with pytest.raises(DatasetError, match=reason):
        read_bag(bag, RecordingOptions(topics=BagTopics(ground_truth=name)))
    read = read_bag(bag)
    assert len(read) == 20
    assert not read.has_pose.any()
    assert read.has_odometry.all()
    assert re.search("remark: the true poses are not used: .*" + reason, read.summary.text())
    assert "the true poses are not used" not in read_bag(bag, RecordingOptions(poses="none")).summary.text()


def test_true_poses_can_be_left_out(tmp_path: Path) -> None:
    """Test that a topic that is called ground truth is not taken for odometry, either."""
    truths = along(lambda t: pose(t, truth_at(t), ODOMETRY, topic="/ground_truth", child="base_link"), TIMES)
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *truths, *images()]), RecordingOptions(poses="none"))
    assert not read.has_pose.any()
    assert read.odom_T_base is None
    assert "true poses: none: --poses none" in read.summary.text()
    assert "taken for the true poses" not in read.summary.text()
