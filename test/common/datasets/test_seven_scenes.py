"""7-Scenes directories, written here in their format and read back."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from drawn_frames import SevenScenes, picture, pose, write_rgb

from localization_common.camera import Camera
from localization_common.datasets.seven_scenes import read_seven_scenes, read_seven_scenes_split, register_depth
from localization_common.errors import DatasetError


def test_frames_poses_and_stamps(seven_scenes: SevenScenes) -> None:
    sequence = read_seven_scenes(seven_scenes())
    assert sequence.name == "scene/seq-01"
    assert sequence.frame_numbers.tolist() == [0, 1, 2, 5]
    assert sequence.stamps.tolist() == [0, 33_333_333, 66_666_666, 166_666_666]  # 30 Hz, the gap kept
    assert sequence.pairs().tolist() == [[0, 1], [1, 2]]
    np.testing.assert_allclose(sequence.map_T_camera, [pose(n) for n in (0, 1, 2, 5)], atol=1e-6)
    np.testing.assert_array_equal(sequence.read_image(3), picture(5))
    assert sequence.camera == Camera(640, 480, 525.0, 525.0, 320.0, 240.0)


def test_jpeg_copies_are_accepted(seven_scenes: SevenScenes) -> None:
    image = read_seven_scenes(seven_scenes(ending="jpg")).read_image(1).astype(float)
    assert np.abs(image - picture(1)).mean() < 3


def test_depth_is_metres_with_both_invalid_values_unknown(seven_scenes: SevenScenes) -> None:
    sequence = read_seven_scenes(seven_scenes())
    assert sequence.read_depth is not None
    depth = sequence.read_depth(3)
    assert depth.dtype == np.float32
    assert np.nanmin(depth) == np.nanmax(depth) == np.float32(1.005)
    # Row 200 and column 100 of the depth camera, moved by 525 / 585 towards the centre.
    assert np.isnan(depth[: 240 - 36]).all()
    assert np.isnan(depth[:, : 320 - 198]).all()
    assert not np.isnan(depth[240 - 35 : 240 + 215, 320 - 197 : 320 + 287]).any()
    # The depth camera's longer lens sees less than the colour camera: the rim is unknown.
    assert np.isnan(depth[:, 320 + 288 :]).all()


def test_depth_of_the_same_camera_stays() -> None:
    depth = np.random.default_rng(0).uniform(0.5, 5, (48, 64)).astype(np.float32)
    camera = Camera(64, 48, 58.0, 58.0, 32.0, 24.0)
    np.testing.assert_array_equal(register_depth(depth, camera, camera), depth)


def test_a_sequence_without_depth_has_no_reader_of_depth(seven_scenes: SevenScenes) -> None:
    assert read_seven_scenes(seven_scenes(depth=False)).read_depth is None


def test_smaller_copies_scale_the_camera(seven_scenes: SevenScenes) -> None:
    directory = seven_scenes()
    for number in (0, 1, 2, 5):
        write_rgb(directory / f"frame-{number:06d}.color.png", picture(number, (320, 240)))
    sequence = read_seven_scenes(directory)
    assert sequence.camera == Camera(640, 480, 525.0, 525.0, 320.0, 240.0).resized(320, 240)
    assert sequence.read_image(0).shape == (240, 320, 3)
    assert sequence.read_depth is not None
    assert sequence.read_depth(0).shape == (240, 320)


def test_images_are_read_when_needed_only(seven_scenes: SevenScenes) -> None:
    directory = seven_scenes()
    (directory / "frame-000002.color.png").write_bytes(b"broken")
    sequence = read_seven_scenes(directory)
    assert sequence.read_image(1).shape == (480, 640, 3)
    with pytest.raises(DatasetError, match=r"frame-000002\.color\.png.*not a picture"):
        sequence.read_image(2)


def test_readers_go_to_a_data_loaders_worker(seven_scenes: SevenScenes) -> None:
    there = pickle.loads(pickle.dumps(read_seven_scenes(seven_scenes())))
    np.testing.assert_array_equal(there.read_image(0), picture(0))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("frame-000001.pose.txt", "", "is empty"),
        ("frame-000001.pose.txt", "1 0 0 0\n0 1 0 0\n0 0 1 0\n", "3 lines"),
        ("frame-000001.pose.txt", "1 0 0\n" * 4, "3 numbers, not 4"),
        ("frame-000001.pose.txt", "1 0 0 x\n" * 4, r"pose\.txt:1.*'x'"),
        ("frame-000001.pose.txt", "2 0 0 0\n0 2 0 0\n0 0 2 0\n0 0 0 1\n", "no rotation"),
        ("frame-000001.pose.txt", "\x00\x00", r"pose\.txt:1"),
    ],
)
def test_broken_poses_are_named(seven_scenes: SevenScenes, file: str, text: str, message: str) -> None:
    path = seven_scenes() / file
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_seven_scenes(path.parent)


def test_pictures_of_another_size_and_8_bit_depth_are_named(seven_scenes: SevenScenes) -> None:
    directory = seven_scenes()
    write_rgb(directory / "frame-000001.color.png", picture(1, (320, 240)))
    write_rgb(directory / "frame-000001.depth.png", picture(1))
    sequence = read_seven_scenes(directory)
    with pytest.raises(DatasetError, match=r"320x240.*640x480"):
        sequence.read_image(1)
    assert sequence.read_depth is not None
    with pytest.raises(DatasetError, match="16 bits"):
        sequence.read_depth(1)


def test_directories_without_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no frame-XXXXXX\.color\.png"):
        read_seven_scenes(tmp_path)
    with pytest.raises(DatasetError, match="no such directory"):
        read_seven_scenes(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="not a directory"):
        read_seven_scenes(tmp_path / "file")


def test_splits_name_their_sequences(seven_scenes: SevenScenes) -> None:
    for name in ("seq-01", "seq-02", "seq-12"):
        scene = seven_scenes((0, 1), name=name, depth=False).parent
    (scene / "TrainSplit.txt").write_text("sequence1\nsequence12 \n")
    (scene / "TestSplit.txt").write_text("sequence2\r\n")
    assert [s.name for s in read_seven_scenes_split(scene, "train")] == ["scene/seq-01", "scene/seq-12"]
    assert [s.name for s in read_seven_scenes_split(scene, "test")] == ["scene/seq-02"]
    with pytest.raises(DatasetError, match="'validation' is unknown"):
        read_seven_scenes_split(scene, "validation")
    (scene / "TestSplit.txt").write_text("sequence7\n")
    with pytest.raises(DatasetError, match="seq-07: no such directory"):
        read_seven_scenes_split(scene, "test")
    (scene / "TestSplit.txt").write_text("seven\n")
    with pytest.raises(DatasetError, match=r"TestSplit\.txt:1.*'seven'"):
        read_seven_scenes_split(scene, "test")
