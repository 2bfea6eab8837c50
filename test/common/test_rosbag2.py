"""Bags: what is written comes back, ROS reads it too, and foreign bags are understood or refused with a reason."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from scipy.spatial.transform import Rotation, Slerp

from localization_common.camera import Camera
from localization_common.datasets import open_sequence, rosbag2_encoding
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2 import read_rosbag2
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.rosbag2_writer import Conversion, OdometryReading, convert, write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError, LocalizationError
from localization_common.geometry import se3

CAMERA = Camera(32, 24, 30.0, 31.0, 15.2, 11.7, distortion=(0.01, -0.02, 0.001, 0.0, 0.0))
SECOND = 10**9


def random_poses(count: int, seed: int) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return np.array([se3.from_parts(random.uniform(-3, 3, 3), random.standard_normal(4)) for _ in range(count)])


@pytest.fixture
def sequence() -> Sequence:
    """Six frames, one of which is missing between the third and the fourth."""
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
    """Independent answer: scipy's slerp."""
    times = np.arange(-1, 30) * (SECOND // 20) + sequence.stamps[0] - 20_000_000
    poses = random_poses(len(times), 3)
    for i in range(1, len(poses)):  # small steps, as odometry has
        poses[i] = poses[i - 1] @ se3.from_parts([0.02, 0.01, 0.0], [1.0, 0.02, -0.01, 0.05])
    readings = [OdometryReading(int(t), p, 0.4, 0.1) for t, p in zip(times, poses, strict=True)]
    write_sequence(sequence, tmp_path / "bag", odometry=readings)
    read = open_sequence(tmp_path / "bag")
    assert read.odom_T_base is not None
    slerp = Slerp(times - times[0], Rotation.from_matrix(poses[:, :3, :3]))
    for i, stamp in enumerate(sequence.stamps):
        np.testing.assert_allclose(read.odom_T_base[i, :3, :3], slerp(stamp - times[0]).as_matrix(), atol=1e-9)
        expected = [np.interp(stamp - times[0], times - times[0], poses[:, k, 3]) for k in range(3)]
        np.testing.assert_allclose(read.odom_T_base[i, :3, 3], expected, atol=1e-9)


def test_odometry_that_ends_early_is_not_invented(tmp_path: Path, sequence: Sequence) -> None:
    readings = [OdometryReading(int(s), np.eye(4)) for s in sequence.stamps[:4]]
    write_sequence(sequence, tmp_path / "bag", odometry=readings)
    assert open_sequence(tmp_path / "bag").odom_T_base is None


Message = tuple[str, str, int, Any]


def write_messages(path: Path, messages: list[Message], storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A bag of (topic, type, time of recording, message), as another program would write it."""
    store = rosbag2_encoding.STORE
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections: dict[str, Any] = {}
        for topic, kind, time, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], time, store.serialize_cdr(message, kind))
    return path


def image_message(stamp: int, **fields: Any) -> Message:
    header = rosbag2_encoding.header(stamp, "camera")
    message = rosbag2_encoding.new("sensor_msgs/msg/Image", header=header, is_bigendian=0, **fields)
    return "/image", "sensor_msgs/msg/Image", stamp + 5_000_000, message  # recorded later than taken


def camera_message(stamp: int, camera: Camera) -> Message:
    fields = rosbag2_encoding.camera_fields(camera)
    kind = "sensor_msgs/msg/CameraInfo"
    message = rosbag2_encoding.new(kind, header=rosbag2_encoding.header(stamp, "camera"), **fields)
    return "/camera_info", kind, stamp, message


def truth_message(stamp: int, map_T_base: npt.NDArray[np.float64]) -> Message:
    kind = "geometry_msgs/msg/PoseStamped"
    header = rosbag2_encoding.header(stamp, "map")
    return (
        "/ground_truth/pose",
        kind,
        stamp,
        rosbag2_encoding.new(kind, header=header, pose=rosbag2_encoding.pose(map_T_base)),
    )


def truths(times: npt.ArrayLike = (0, SECOND // 4, SECOND // 2)) -> list[Message]:
    return [truth_message(int(time), np.eye(4)) for time in np.asarray(times)]


SMALL = Camera(5, 4, 4.0, 4.0, 2.0, 1.5)
PIXELS = np.random.default_rng(4).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def padded(image: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.uint8]:
    rows = np.full((image.shape[0], step), 99, np.uint8)
    rows[:, : image[0].size] = image.reshape(image.shape[0], -1)
    return rows.reshape(-1)


@pytest.mark.parametrize(
    ("encoding", "image", "expected"),
    [
        ("rgb8", PIXELS, PIXELS),
        ("bgr8", PIXELS[..., ::-1], PIXELS),
        ("rgba8", np.dstack([PIXELS, PIXELS[..., :1]]), PIXELS),
        ("mono8", PIXELS[..., 0], np.repeat(PIXELS[..., :1], 3, axis=2)),
    ],
)
@pytest.mark.parametrize("padding", [0, 7])
def test_encodings_and_padded_rows(
    tmp_path: Path, encoding: str, image: Any, expected: npt.NDArray[np.uint8], padding: int
) -> None:
    step = image[0].size + padding
    fields = {"height": 4, "width": 5, "encoding": encoding, "step": step, "data": padded(image, step)}
    bag = write_messages(tmp_path / "bag", [*truths(), camera_message(0, SMALL), image_message(SECOND // 2, **fields)])
    read = open_sequence(bag)
    assert read.stamps.tolist() == [SECOND // 2]
    np.testing.assert_array_equal(read.read_image(0), expected)


def test_compressed_images(tmp_path: Path) -> None:
    picture = cv2.resize(PIXELS, (64, 48), interpolation=cv2.INTER_CUBIC)
    kind = "sensor_msgs/msg/CompressedImage"
    data = cv2.imencode(".png", picture[..., ::-1])[1].reshape(-1)
    message = rosbag2_encoding.new(kind, header=rosbag2_encoding.header(SECOND // 2, "camera"), format="png", data=data)
    camera = Camera(64, 48, 50.0, 50.0, 31.5, 23.5)
    bag = write_messages(
        tmp_path / "bag", [*truths(), camera_message(0, camera), ("/image/compressed", kind, SECOND // 2, message)]
    )
    np.testing.assert_array_equal(open_sequence(bag).read_image(0), picture)


def test_depth_in_millimetres_and_its_holes(tmp_path: Path) -> None:
    fields = {"height": 4, "width": 5, "encoding": "rgb8", "step": 15, "data": PIXELS.reshape(-1)}
    millimetres = (np.arange(20) * 250).astype(">u2")
    header = rosbag2_encoding.header(7, "camera")
    depth = rosbag2_encoding.new(
        "sensor_msgs/msg/Image",
        header=header,
        height=4,
        width=5,
        encoding="16UC1",
        is_bigendian=1,
        step=10,
        data=millimetres.view(np.uint8),
    )
    messages = [truth_message(7, np.eye(4)), camera_message(7, SMALL), image_message(7, **fields)]
    bag = write_messages(tmp_path / "bag", [*messages, ("/depth", "sensor_msgs/msg/Image", 7, depth)])
    read_depth = open_sequence(bag).read_depth
    assert read_depth is not None
    expected = (np.arange(20, dtype=np.float32) / 4).reshape(4, 5)
    expected[0, 0] = np.nan
    np.testing.assert_allclose(read_depth(0), expected, rtol=1e-6)


def plain_images(stamps: list[int]) -> list[Message]:
    fields = {"height": 4, "width": 5, "encoding": "rgb8", "step": 15, "data": PIXELS.reshape(-1)}
    return [image_message(stamp, **fields) for stamp in stamps]


def test_images_outside_of_the_ground_truth_or_in_its_holes_are_left_out(tmp_path: Path) -> None:
    images = plain_images([SECOND * k // 5 for k in range(1, 21)])
    known = truths(np.r_[np.arange(0.5, 1.51, 0.1), np.arange(2.5, 3.31, 0.1)] * SECOND)
    read = open_sequence(write_messages(tmp_path / "bag", [camera_message(0, SMALL), *known, *images]))
    np.testing.assert_array_equal(read.stamps / SECOND, [0.6, 0.8, 1.0, 1.2, 1.4, 2.6, 2.8, 3.0, 3.2])
    np.testing.assert_array_equal(np.diff(read.frame_numbers), [1, 1, 1, 1, 6, 1, 1, 1])
    assert len(read.pairs()) == 7


def test_without_ground_truth_a_bag_can_only_be_replayed(tmp_path: Path) -> None:
    bag = write_messages(tmp_path / "bag", [camera_message(0, SMALL), *plain_images([5, 9])])
    with pytest.raises(DatasetError, match="no ground truth on /ground_truth/pose"):
        open_sequence(bag)
    replay = read_rosbag2(bag, ground_truth_required=False)
    assert len(replay) == 2
    np.testing.assert_array_equal(replay.map_T_base, np.tile(np.eye(4), (2, 1, 1)))


def test_mounting_is_a_chain_of_static_transforms(tmp_path: Path) -> None:
    kind = "tf2_msgs/msg/TFMessage"
    base_T_head = se3.from_parts([0.1, 0.2, 0.3], [0.9, 0.1, 0.2, -0.3])
    head_T_camera = se3.from_parts([0.0, 0.05, 0.0], [0.5, -0.5, 0.5, -0.5])
    edges = [
        rosbag2_encoding.transform(0, "head", "camera", head_T_camera),
        rosbag2_encoding.transform(0, "base_link", "head", base_T_head),
    ]
    tf = [("/tf_static", kind, 0, rosbag2_encoding.new(kind, transforms=[edge])) for edge in edges]
    bag = write_messages(tmp_path / "bag", [*tf, *truths(), camera_message(0, SMALL), *plain_images([9])])
    np.testing.assert_allclose(open_sequence(bag).base_T_camera, base_T_head @ head_T_camera, atol=1e-12)


def test_other_topics(tmp_path: Path, sequence: Sequence) -> None:
    topics = BagTopics(image="/front/image", depth="/front/depth", ground_truth="/mocap")
    write_sequence(sequence, tmp_path / "bag", topics=topics)
    assert_same(read_rosbag2(tmp_path / "bag", RecordingOptions(topics=topics)), sequence)
    with pytest.raises(DatasetError, match=r"no images on /image; topics are .*/front/image"):
        open_sequence(tmp_path / "bag")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at the process's open files in /proc")
def test_a_forked_loader_reads_with_a_file_position_of_its_own(tmp_path: Path, sequence: Sequence) -> None:
    """Data loaders fork: were the file position shared, parent and child would read each other's bytes."""
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


def test_a_recording_without_metadata_is_read_from_its_file(tmp_path: Path, sequence: Sequence) -> None:
    write_sequence(sequence, tmp_path / "bag")
    (tmp_path / "bag" / "metadata.yaml").unlink()
    assert_same(open_sequence(tmp_path / "bag"), sequence)


def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path, sequence: Sequence) -> None:
    """Bytes changed at random: whatever is raised is ours."""
    random = np.random.default_rng(0)
    refused = 0
    for storage, suffix in (("mcap", ".mcap"), ("sqlite3", ".db3")):
        write_sequence(sequence.select([0, 1]), tmp_path / storage, storage=storage)
        (file,) = (tmp_path / storage).glob(f"*{suffix}")
        data = file.read_bytes()
        for _ in range(25):
            damaged = bytearray(data)
            # The beginning and the end hold the structure; in between are mostly pixels.
            for place in (*random.integers(0, 4000, 4), *random.integers(len(data) - 4000, len(data), 4)):
                damaged[place] = random.integers(0, 256)
            broken = tmp_path / f"broken{suffix}"
            broken.write_bytes(damaged)
            try:
                read = open_sequence(broken)
                for i in range(len(read)):
                    read.read_image(i)
            except LocalizationError:
                refused += 1
    assert refused > 10


def test_damaged_and_foreign_files_are_refused(tmp_path: Path, sequence: Sequence) -> None:
    write_sequence(sequence, tmp_path / "whole")
    data = (tmp_path / "whole" / "whole.mcap").read_bytes()
    for name, content in (("cut.mcap", data[: len(data) // 2]), ("empty.mcap", b""), ("text.db3", b"hello" * 100)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=name):
            open_sequence(tmp_path / name)
    with pytest.raises(DatasetError, match="no such file"):
        open_sequence(tmp_path / "nothing.mcap")


def test_images_that_contradict_themselves_are_named(tmp_path: Path) -> None:
    fields = {"height": 4, "width": 5, "encoding": "rgb8", "step": 15, "data": PIXELS.reshape(-1)}
    for change, reason in (
        ({"step": 14}, "step is 14"),
        ({"data": PIXELS.reshape(-1)[:-1]}, "59 bytes"),
        ({"encoding": "yuv9"}, "'yuv9'"),
    ):
        bag = tmp_path / reason.replace(" ", "_").strip("'")
        write_messages(bag, [*truths(), camera_message(0, SMALL), image_message(9, **{**fields, **change})])
        with pytest.raises(DatasetError, match=reason) as caught:
            open_sequence(bag).read_image(0)
        assert "/image at 9 ns" in str(caught.value)


def test_missing_camera_info_is_named_or_given(tmp_path: Path) -> None:
    bag = write_messages(tmp_path / "bag", [*truths(), *plain_images([9])])
    with pytest.raises(DatasetError, match="no camera_info"):
        open_sequence(bag)
    camera = tmp_path / "cameras.txt"
    camera.write_text(
        f"1 PINHOLE {SMALL.width} {SMALL.height} {SMALL.fx} {SMALL.fy} {SMALL.cx + 0.5} {SMALL.cy + 0.5}\n"
    )
    assert open_sequence(bag, RecordingOptions(camera=camera)).camera == SMALL


def test_label_names_must_be_a_list(tmp_path: Path) -> None:
    names = rosbag2_encoding.new("std_msgs/msg/String", data="{")
    messages = [
        *truths(),
        camera_message(0, SMALL),
        *plain_images([9]),
        ("/label_names", "std_msgs/msg/String", 0, names),
    ]
    with pytest.raises(DatasetError, match="JSON"):
        open_sequence(write_messages(tmp_path / "bag", messages))


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
