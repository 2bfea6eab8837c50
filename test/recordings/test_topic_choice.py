"""Topics of any name: they are read where the choice is clear, and named where it is not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from bag_cases import (
    CAMERA,
    POSE_COVARIANCE,
    Message,
    along,
    camera_info,
    compressed,
    drive,
    image,
    images,
    mount,
    odometry,
    picture,
    pose,
    truth,
    truth_at,
    write_bag,
)

from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError

TIMES = np.arange(-0.2, 4.2, 0.1)
REST = [mount(), *along(odometry, TIMES), *along(truth, TIMES)]


def renamed(namespace: str, name: str = "image_raw") -> list:
    """Images and their calibration under other names."""
    new = {"/image": f"{namespace}/{name}", "/camera_info": f"{namespace}/camera_info"}
    return [message._replace(topic=new[message.topic]) for message in images()]


def test_the_only_camera_is_taken_and_reported(tmp_path: Path) -> None:
    read = read_bag(write_bag(tmp_path / "bag", [*REST, *renamed("/camera/color")]))
    assert len(read) == 20
    assert any("/camera/color/image_raw is taken" in note for note in read.summary.assumed)
    assert "from /camera/color/camera_info" in read.summary.text()


def test_of_several_cameras_one_must_be_named(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [*REST, *renamed("/left"), *renamed("/right")])
    with pytest.raises(DatasetError, match=r"/left/image_raw .*20 messages.*/right/image_raw .*--topics.image"):
        read_bag(bag)
    read = read_bag(bag, RecordingOptions(topics=BagTopics(image="/right/image_raw")))
    assert "from /right/camera_info" in read.summary.text()


def test_depth_is_no_second_camera(tmp_path: Path) -> None:
    depth = [
        image(0.2 * i, topic="/camera/depth/image", encoding="16UC1", step=64, data=np.zeros(64 * 24, np.uint8))
        for i in range(20)
    ]
    read = read_bag(write_bag(tmp_path / "bag", [*REST, *renamed("/camera/color"), *depth]))
    assert len(read) == 20


def test_the_fuller_of_raw_and_compressed_is_taken(tmp_path: Path) -> None:
    pictures = [cv2.imencode(".png", picture(i)[..., ::-1])[1].tobytes() for i in range(20)]
    many = [compressed(0.2 * i, data, "png") for i, data in enumerate(pictures)]
    few = [image(0.2 * i, i) for i in range(2)]
    infos = [camera_info(0.2 * i) for i in range(20)]
    read = read_bag(write_bag(tmp_path / "bag", [*REST, *few, *many, *infos]))
    assert len(read) == 20
    np.testing.assert_array_equal(read.read_image(7), picture(7))
    assert any("/image/compressed is taken, with 20 messages; /image" in note for note in read.summary.assumed)


def test_a_topic_that_was_named_and_is_empty_or_missing_is_refused(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", drive())
    with pytest.raises(
        DatasetError,
        match=r"no topic /camera/image \(--topics.image\); .*/image \(sensor_msgs/msg/Image, 20 messages\)",
    ):
        read_bag(bag, RecordingOptions(topics=BagTopics(image="/camera/image")))
    with pytest.raises(
        DatasetError, match=r"/image \(--topics.odom\) is of type sensor_msgs/msg/Image; accepted are nav_msgs"
    ):
        read_bag(bag, RecordingOptions(topics=BagTopics(odom="/image")))


def test_a_topic_without_messages_is_named(tmp_path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer

    from localization_common.datasets import rosbag2_encoding as encoding

    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection("/image", "sensor_msgs/msg/Image", typestore=encoding.STORE)
    with pytest.raises(
        DatasetError, match=r"no images on /image; /image \(sensor_msgs/msg/Image, 0 messages\): was the camera running"
    ):
        read_bag(tmp_path / "bag")


def test_the_first_usable_calibration_is_taken(tmp_path: Path) -> None:
    zeros = camera_info(-0.1, k=np.zeros(9), d=np.zeros(0))
    read = read_bag(write_bag(tmp_path / "bag", [zeros, *drive()]))
    assert read.camera == CAMERA
    assert "1 camera_info messages: camera_info's K" in read.summary.text()


def test_without_a_usable_calibration_the_reason_and_the_remedy_are_named(tmp_path: Path) -> None:
    others = [message for message in drive() if message.topic != "/camera_info"]
    with pytest.raises(DatasetError, match=r"no camera_info for /image; calibrate .* --camera FILE"):
        read_bag(write_bag(tmp_path / "none", others))
    with pytest.raises(DatasetError, match=r"/camera_info cannot be used: 2 messages: .*not calibrated"):
        read_bag(write_bag(tmp_path / "zeros", [*others, *(camera_info(t, k=np.zeros(9)) for t in (0.0, 1.0))]))
    with pytest.raises(DatasetError, match=r"camera_info is of 64x48 pixels, images are 32x24"):
        read_bag(write_bag(tmp_path / "size", [*others, camera_info(0.0, width=64, height=48)]))


def test_images_of_another_size_are_left_out_and_counted(tmp_path: Path) -> None:
    small = image(1.05, data=np.zeros(24 * 16 * 3, np.uint8), width=16, step=48)
    read = read_bag(write_bag(tmp_path / "bag", [*drive(), small]))
    assert len(read) == 20
    assert read.summary.frames_left_out == 1
    assert "the image is 16x24, its camera 32x24" in read.summary.text()


def test_rectified_images_have_the_camera_of_p(tmp_path: Path) -> None:
    p = np.array([28.0, 0.0, 15.5, 0.0, 0.0, 28.0, 11.5, 0.0, 0.0, 0.0, 1.0, 0.0])
    messages = [message._replace(content=message.content) for message in renamed("/camera", "image_rect_color")]
    infos = [camera_info(0.2 * i, topic="/camera/camera_info", p=p) for i in range(20)]
    pictures = [message for message in messages if message.topic != "/camera/camera_info"]
    camera = read_bag(write_bag(tmp_path / "bag", [*REST, *pictures, *infos])).camera
    assert (camera.fx, camera.cx, camera.distorted) == (28.0, 15.5, False)


def test_the_calibration_of_another_camera_is_not_taken(tmp_path: Path) -> None:
    infos = [camera_info(0.2 * i, topic="/camera/depth/camera_info", frame="camera_depth") for i in range(20)]
    bag = write_bag(tmp_path / "bag", [*REST, *[image(0.2 * i, i) for i in range(20)], *infos])
    with pytest.raises(DatasetError, match=r"no camera_info for /image; /camera/depth/camera_info .*camera-info"):
        read_bag(bag)
    read = read_bag(bag, RecordingOptions(topics=BagTopics(camera_info="/camera/depth/camera_info")))
    assert read.camera == CAMERA


def test_of_calibrations_that_change_the_most_frequent_is_taken(tmp_path: Path) -> None:
    stale = camera_info(-0.1, k=np.array([99.0, 0.0, 15.0, 0.0, 99.0, 11.0, 0.0, 0.0, 1.0]))
    read = read_bag(write_bag(tmp_path / "bag", [stale, *drive()]))
    assert read.camera == CAMERA
    assert "1 messages differ from the most frequent one" in read.summary.text()


def test_poses_of_what_the_robot_sees_and_of_localizers_are_no_true_poses(tmp_path: Path) -> None:
    others = {
        "/detected_dock_pose": ("map", "by its name it is a goal, a guess or a command"),
        "/tag": ("camera", "its frame camera is fixed to the robot"),
        "/person": ("lidar", "its frame lidar is fixed to the robot"),
        "/ekf_pose": ("robot/odom", "its frame is robot/odom"),
        "/robot/vlocnet/pose": ("map", "it is the output of a node of this package"),
        "/dmn/pose": ("map", "it is the output of a node of this package"),
    }
    poses = [along(partial(posed, topic=name, frame=frame), TIMES) for name, (frame, _) in others.items()]
    rest = [mount(), mount(child="lidar"), *along(odometry, TIMES), *images()]
    bag = write_bag(tmp_path / "bag", [*rest, *(message for several in poses for message in several)])
    read = read_bag(bag)
    assert not read.has_pose.any()
    for name, (_, reason) in others.items():
        expected = f"{name} is not taken for the true poses: {reason}; to take it, type --topics.ground-truth {name}"
        assert expected in read.summary.assumed
    assert read_bag(bag, RecordingOptions(topics=BagTopics(ground_truth="/dmn/pose"))).has_pose.all()
    measured = write_bag(tmp_path / "measured", [*rest, *poses[0], *along(partial(posed, topic="/slam"), TIMES)])
    assert read_bag(measured).has_pose.all()


def posed(seconds: float, *, topic: str, frame: str = "map") -> Message:
    """Pose of the drive on any topic."""
    return pose(seconds, truth_at(seconds), POSE_COVARIANCE, topic=topic, frame=frame)
