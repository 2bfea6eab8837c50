"""Bags: written data is read back, ROS reads it too, and foreign bags are read or refused with a reason."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import bag_cases
import numpy as np
import numpy.typing as npt
import pytest
from rosbags.rosbag2 import Reader
from scipy.linalg import expm, logm

from localization_common.camera import Camera
from localization_common.datasets import open_sequence, rosbag2_encoding
from localization_common.datasets.bag_writer import OdometryReading
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.rosbag2_writer import Conversion, convert, write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3

CAMERA = Camera(32, 24, 30.0, 31.0, 15.2, 11.7, distortion=(0.01, -0.02, 0.001, 0.0, 0.0))
SECOND = 10**9


def random_poses(count: int, seed: int) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return np.array([se3.from_parts(random.uniform(-3, 3, 3), random.standard_normal(4)) for _ in range(count)])


@pytest.fixture
def sequence() -> Sequence:
    """Sequence of six frames; one frame is missing between the third and the fourth."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 24, 32, 3), dtype=np.uint8)
    depth = random.uniform(0.5, 4.0, (6, 24, 32)).astype(np.float32)
    depth[2, 5:9] = np.nan
    labels = random.integers(0, 5, (6, 24, 32), dtype=np.uint8)
    return Sequence(
        name="made_up",
        camera=CAMERA,
        frame_numbers=np.array([0, 1, 2, 4, 5, 6]),
        stamps=np.array([0, 1, 2, 4, 5, 6]) * (SECOND // 5) + 1_700_000_000 * SECOND + 123,
        map_T_camera=random_poses(6, 1),
        read_image=images.__getitem__,
        read_depth=depth.__getitem__,
        read_labels=labels.__getitem__,
        class_names=("wall", "floor", "Möbel"),
        base_T_camera=se3.from_parts([0.1, -0.02, 0.6], [0.5, -0.5, 0.5, -0.5]),
        odom_T_base=random_poses(6, 2),
    )


def assert_same(read: Sequence, written: Sequence) -> None:
    assert read.camera == written.camera
    assert read.class_names == written.class_names
    np.testing.assert_array_equal(read.frame_numbers, written.frame_numbers)
    np.testing.assert_array_equal(read.stamps, written.stamps)
    np.testing.assert_allclose(read.map_T_camera, written.map_T_camera, atol=1e-12)
    np.testing.assert_allclose(read.base_T_camera, written.base_T_camera, atol=1e-12)
    assert read.odom_T_base is not None
    assert written.odom_T_base is not None
    np.testing.assert_allclose(read.odom_T_base, written.odom_T_base, atol=1e-12)
    assert None not in (read.read_depth, read.read_labels, written.read_depth, written.read_labels)
    for i in (5, 0, 3, 2, 1, 4):  # any order
        np.testing.assert_array_equal(read.read_image(i), written.read_image(i))
        np.testing.assert_array_equal(read.read_depth(i), written.read_depth(i))
        np.testing.assert_array_equal(read.read_labels(i), written.read_labels(i))


def test_unknown_poses_and_odometry_are_not_written(tmp_path: Path, sequence: Sequence) -> None:
    assert sequence.odom_T_base is not None
    poses, odometry = sequence.map_T_camera.copy(), sequence.odom_T_base.copy()
    poses[[0, 1]] = np.nan
    odometry[5] = np.nan
    write_sequence(replace(sequence, map_T_camera=poses, odom_T_base=odometry), tmp_path / "bag")
    with Reader(tmp_path / "bag") as reader:
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
    assert (counts["/image"], counts["/ground_truth/pose"], counts["/odom"]) == (6, 4, 5)


@pytest.mark.parametrize(("storage", "suffix"), [("mcap", ".mcap"), ("sqlite3", ".db3")])
def test_round_trip(tmp_path: Path, sequence: Sequence, storage: Any, suffix: str) -> None:
    write_sequence(sequence, tmp_path / "bag", storage=storage)
    assert_same(open_sequence(tmp_path / "bag"), sequence)
    (file,) = (tmp_path / "bag").glob(f"*{suffix}")
    assert_same(open_sequence(file), sequence)


def test_ros_itself_reads_the_messages(tmp_path: Path, sequence: Sequence) -> None:
    serialization = pytest.importorskip("rclpy.serialization")
    from nav_msgs.msg import Odometry
    from sensor_msgs.msg import CameraInfo, Image

    write_sequence(sequence, tmp_path / "bag")
    raw: dict[str, bytes] = {}
    with Reader(tmp_path / "bag") as reader:
        for connection, stamp, data in reader.messages():
            if stamp == sequence.stamps[3]:
                raw[connection.topic] = data
    image = serialization.deserialize_message(raw["/image"], Image)
    assert (image.encoding, image.step, image.header.frame_id) == ("rgb8", 96, "camera_optical_frame")
    assert image.header.stamp.sec * SECOND + image.header.stamp.nanosec == sequence.stamps[3]
    assert bytes(image.data) == sequence.read_image(3).tobytes()
    info = serialization.deserialize_message(raw["/camera_info"], CameraInfo)
    np.testing.assert_array_equal(info.k.reshape(3, 3), CAMERA.matrix)
    np.testing.assert_array_equal(info.p.reshape(3, 4)[:, :3], CAMERA.matrix)
    assert list(info.d) == list(CAMERA.distortion)
    odom = serialization.deserialize_message(raw["/odom"], Odometry)
    assert (odom.header.frame_id, odom.child_frame_id) == ("odom", "base_link")
    depth = serialization.deserialize_message(raw["/depth"], Image)
    assert (depth.encoding, depth.step, len(depth.data)) == ("32FC1", 128, 24 * 128)


def test_ground_truth_in_the_bag_is_of_the_base(tmp_path: Path, sequence: Sequence) -> None:
    write_sequence(sequence, tmp_path / "bag")
    read = open_sequence(tmp_path / "bag")
    with Reader(tmp_path / "bag") as reader:
        connections = [c for c in reader.connections if c.topic == "/ground_truth/pose"]
        _, _, data = next(reader.messages(connections))
    pose = rosbag2_encoding.STORE.deserialize_cdr(data, "geometry_msgs/msg/PoseStamped").pose
    base = sequence.map_T_camera[0] @ np.linalg.inv(sequence.base_T_camera)
    np.testing.assert_allclose([pose.position.x, pose.position.y, pose.position.z], base[:3, 3], atol=1e-12)
    np.testing.assert_allclose(read.map_T_base[0], base, atol=1e-9)


def test_odometry_between_images_is_interpolated(tmp_path: Path, sequence: Sequence) -> None:
    """Check against an independent answer: scipy's matrix exponential."""
    times = np.arange(-1, 30) * (SECOND // 20) + sequence.stamps[0] - 20_000_000
    poses = random_poses(len(times), 3)
    for i in range(1, len(poses)):  # small steps, as odometry has
        poses[i] = poses[i - 1] @ se3.from_parts([0.02, 0.01, 0.0], [1.0, 0.02, -0.01, 0.05])
    readings = [OdometryReading(int(t), p, 0.4, 0.1) for t, p in zip(times, poses, strict=True)]
    write_sequence(sequence, tmp_path / "bag", odometry=readings)
    read = open_sequence(tmp_path / "bag")
    assert read.odom_T_base is not None
    for i, stamp in enumerate(sequence.stamps):
        after = int(np.searchsorted(times, stamp))
        fraction = (stamp - times[after - 1]) / (times[after] - times[after - 1])
        motion = np.linalg.solve(poses[after - 1], poses[after])
        expected = poses[after - 1] @ expm(fraction * logm(motion)).real
        np.testing.assert_allclose(read.odom_T_base[i], expected, atol=1e-9)


def test_depth_in_millimetres_and_its_holes(tmp_path: Path) -> None:
    millimetres = (np.arange(32 * 24) * 5).astype(">u2")
    fields = {"encoding": "16UC1", "is_bigendian": 1, "step": 64, "data": millimetres.view(np.uint8)}
    depths = [bag_cases.image(0.2 * i, topic="/depth", **fields) for i in range(20) if i != 7]
    read = open_sequence(bag_cases.write_bag(tmp_path / "bag", [*bag_cases.drive(), *depths]))
    assert read.read_depth is not None
    expected = (np.arange(32 * 24, dtype=np.float32) * 0.005).reshape(24, 32)
    expected[0, 0] = np.nan
    np.testing.assert_allclose(read.read_depth(0), expected, rtol=1e-6)
    assert np.isnan(read.read_depth(7)).all()  # that image has none


def test_other_topics(tmp_path: Path, sequence: Sequence) -> None:
    topics = BagTopics(image="/front/image", depth="/front/depth", ground_truth="/mocap")
    write_sequence(sequence, tmp_path / "bag", topics=topics)
    assert_same(open_sequence(tmp_path / "bag", RecordingOptions(topics=topics)), sequence)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at the process's open files in /proc")
def test_a_forked_loader_reads_with_a_file_position_of_its_own(tmp_path: Path, sequence: Sequence) -> None:
    """Test a fork, as in data loaders: with a shared file position, parent and child would read wrong bytes."""
    write_sequence(sequence, tmp_path / "bag")
    read = open_sequence(tmp_path / "bag")
    read.read_image(0)
    file = str(tmp_path / "bag" / "bag.mcap")
    (shared,) = [int(link.name) for link in Path("/proc/self/fd").iterdir() if _target(link) == file]
    os.lseek(shared, 17, os.SEEK_SET)
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    child = context.Process(target=lambda: answer.put([int(read.read_image(i).sum()) for i in range(6)]))
    child.start()
    assert answer.get() == [int(sequence.read_image(i).sum()) for i in range(6)]
    child.join()
    assert os.lseek(shared, 0, os.SEEK_CUR) == 17
    np.testing.assert_array_equal(read.read_image(5), sequence.read_image(5))


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # the descriptor with which the folder was listed
        return ""


def test_label_names_must_be_a_list(tmp_path: Path) -> None:
    kind = "std_msgs/msg/String"
    names = bag_cases.Message("/label_names", kind, bag_cases.START, rosbag2_encoding.new(kind, data="{"))
    with pytest.raises(DatasetError, match="JSON"):
        open_sequence(bag_cases.write_bag(tmp_path / "bag", [*bag_cases.drive(), names]))


def test_an_existing_bag_is_not_overwritten(tmp_path: Path, sequence: Sequence) -> None:
    write_sequence(sequence, tmp_path / "bag")
    with pytest.raises(DatasetError, match="remove it"):
        write_sequence(sequence, tmp_path / "bag")
    assert_same(open_sequence(tmp_path / "bag"), sequence)


def test_wrong_image_size_is_refused(tmp_path: Path, sequence: Sequence) -> None:
    wrong = replace(sequence, read_image=lambda i: np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(DatasetError, match="32x24"):
        write_sequence(wrong, tmp_path / "bag")


def test_command_selects_frames(tmp_path: Path, sequence: Sequence) -> None:
    write_sequence(sequence, tmp_path / "all")
    written = convert(Conversion(tmp_path / "all", tmp_path / "some", frames="1-5", exclude="2,5"))
    assert written.frame_numbers.tolist() == [1, 4]
    read = open_sequence(tmp_path / "some")
    np.testing.assert_array_equal(read.stamps, sequence.stamps[[1, 3]])
    np.testing.assert_array_equal(read.read_image(1), sequence.read_image(3))
    assert read.read_labels is not None


def test_seven_scenes_become_a_bag(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "7scenes" / "redkitchen" / "seq-01"
    written = convert(Conversion(source, tmp_path / "bag", frames="200-205", exclude="203"))
    read = open_sequence(tmp_path / "bag")
    np.testing.assert_allclose(read.map_T_camera, written.map_T_camera, atol=1e-9)
    np.testing.assert_array_equal(np.diff(read.frame_numbers), np.diff(written.frame_numbers))
    np.testing.assert_array_equal(read.read_image(4), written.read_image(4))
    assert read.camera == written.camera
