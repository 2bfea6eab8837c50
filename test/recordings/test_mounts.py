"""Mount of the camera on the robot: from TF or from the user, never from a guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bag_cases import (
    BASE_T_CAMERA,
    Message,
    along,
    drive,
    image,
    images,
    mount,
    odometry,
    tf,
    truth,
    truth_at,
    write_bag,
)

from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError
from localization_common.geometry import planar, se3

HEAD = se3.from_parts([0.1, 0.2, 0.3], [0.9, 0.1, 0.2, -0.3])
TIMES = np.arange(-0.2, 4.2, 0.1)


def without_mount() -> list[Message]:
    return [message for message in drive() if message.topic != "/tf_static"]


def test_without_tf_the_bag_is_refused_and_both_frames_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"no TF .* base \(base_footprint or base_link\) to the camera \(camera\).*--mount"
    ):
        read_bag(write_bag(tmp_path / "bag", without_mount()))


def test_a_stated_mount_gives_the_poses_of_tf(tmp_path: Path) -> None:
    with_tf = read_bag(write_bag(tmp_path / "with", drive()))
    # BASE_T_CAMERA looks straight ahead.
    options = RecordingOptions(mount=(0.2, 0.05, 0.6, 0.0, 0.0, 0.0))
    stated = read_bag(write_bag(tmp_path / "without", without_mount()), options)
    np.testing.assert_allclose(stated.base_T_camera, BASE_T_CAMERA, atol=1e-12)
    np.testing.assert_allclose(stated.map_T_camera, with_tf.map_T_camera, atol=1e-12)
    assert "stated by --mount" in stated.summary.text()


def test_mount_angles_are_those_of_static_transform_publisher() -> None:
    base_T_camera = RecordingOptions(mount=(0.0, 0.0, 1.0, 0.0, 20.0, 90.0)).base_T_camera
    assert base_T_camera is not None
    view = base_T_camera[:3, :3] @ [0.0, 0.0, 1.0]  # to the left of the robot, and 20 degrees down
    np.testing.assert_allclose(view, [0.0, np.cos(np.radians(20.0)), -np.sin(np.radians(20.0))], atol=1e-12)


def test_a_chain_of_static_transforms_in_several_messages(tmp_path: Path) -> None:
    links = [
        tf(0.0, "head", "camera", BASE_T_CAMERA, topic="/tf_static"),
        tf(0.0, "base_link", "head", HEAD, topic="/tf_static"),
    ]
    read = read_bag(write_bag(tmp_path / "bag", [*links, *without_mount()]))
    np.testing.assert_allclose(read.base_T_camera, HEAD @ BASE_T_CAMERA, atol=1e-12)


@pytest.mark.parametrize(
    ("frames", "wanted", "taken"),
    [
        (("base_footprint", "base_link"), "", "base_footprint"),  # as nav2_amcl
        (("base_footprint", "base_link"), "base_link", "base_link"),
        (("base_link",), "", "base_link"),
        (("chassis",), "chassis", "chassis"),
    ],
)
def test_one_rule_chooses_the_base_frame(tmp_path: Path, frames: tuple[str, ...], wanted: str, taken: str) -> None:
    lift = se3.from_parts([0.0, 0.0, 0.1], [1.0, 0.0, 0.0, 0.0])
    links = [mount(frames[-1])]
    if len(frames) > 1:
        links.append(tf(0.0, *frames, lift, topic="/tf_static"))
    messages = [message for message in without_mount() if message.topic != "/odom"]
    read = read_bag(write_bag(tmp_path / "bag", [*links, *messages]), RecordingOptions(base_frame=wanted))
    expected = lift @ BASE_T_CAMERA if taken == "base_footprint" else BASE_T_CAMERA
    np.testing.assert_allclose(read.base_T_camera, expected, atol=1e-12)
    assert f"base {taken}" in read.summary.text()


def test_the_frame_of_the_odometry_is_the_base_where_no_usual_name_is(tmp_path: Path) -> None:
    odometries = along(lambda t: odometry(t, child="chassis"), TIMES)
    read = read_bag(write_bag(tmp_path / "bag", [mount("chassis"), *odometries, *along(truth, TIMES), *images()]))
    assert "base chassis" in read.summary.text()


def test_a_missing_base_frame_is_refused_with_the_existing_frames(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"base \(base_lnk\); frames fixed to the camera: base_link"):
        read_bag(write_bag(tmp_path / "bag", drive()), RecordingOptions(base_frame="base_lnk"))


def test_a_mount_in_tf_that_never_moves_is_taken_and_reported(tmp_path: Path) -> None:
    links = along(lambda t: tf(t, "base_link", "camera", BASE_T_CAMERA), TIMES)
    read = read_bag(write_bag(tmp_path / "bag", [*links, *without_mount()]))
    np.testing.assert_allclose(read.base_T_camera, BASE_T_CAMERA, atol=1e-12)
    assert "a link of /tf that never moves" in read.summary.text()


def test_a_camera_that_moves_on_the_robot_is_refused(tmp_path: Path) -> None:
    pan = along(lambda t: tf(t, "base_link", "camera", planar.to_se3(np.array([0.0, 0.0, t])) @ BASE_T_CAMERA), TIMES)
    with pytest.raises(DatasetError, match="it moves: base_link to camera"):
        read_bag(write_bag(tmp_path / "bag", [*pan, *without_mount()]))


def test_odometry_of_another_frame_is_brought_to_the_base(tmp_path: Path) -> None:
    lift = se3.from_parts([0.0, 0.0, 0.1], [1.0, 0.0, 0.0, 0.0])
    links = [mount(), tf(0.0, "base_footprint", "base_link", lift, topic="/tf_static")]
    read = read_bag(write_bag(tmp_path / "bag", [*links, *without_mount()]))
    assert read.odom_T_base is not None
    np.testing.assert_allclose(read.odom_T_base[:, 2, 3], -0.1, atol=1e-9)


def test_images_without_frame_take_that_of_their_calibration(tmp_path: Path) -> None:
    messages = [message for message in drive() if message.topic != "/image"]
    pictures = [image(0.2 * i, i, frame="") for i in range(20)]
    np.testing.assert_allclose(
        read_bag(write_bag(tmp_path / "bag", [*messages, *pictures])).base_T_camera, BASE_T_CAMERA, atol=1e-12
    )


def test_a_body_frame_in_place_of_an_optical_one_is_remarked(tmp_path: Path) -> None:
    links = [tf(0.0, "base_link", "camera", se3.from_parts([0.2, 0.0, 0.6], [1.0, 0.0, 0.0, 0.0]), topic="/tf_static")]
    read = read_bag(write_bag(tmp_path / "bag", [*links, *without_mount()]))
    assert "is it a body frame" in read.summary.text()


def test_a_leading_slash_of_ros_1_is_no_other_frame(tmp_path: Path) -> None:
    links = [tf(0.0, "/base_link", "/camera", BASE_T_CAMERA, topic="/tf_static")]
    read = read_bag(write_bag(tmp_path / "bag", [*links, *without_mount()]))
    np.testing.assert_allclose(read.map_T_base[0], truth_at(0.0), atol=0.002)
