"""SfM pseudo ground truth beside a 7-Scenes scene, written in the published files' format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_frames import SevenScenes, picture, pose, write_rgb
from scipy.spatial.transform import Rotation

from localization_common.camera import Camera
from localization_common.datasets import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.seven_scenes import read_seven_scenes
from localization_common.errors import DatasetError

PseudoGroundTruth = Callable[..., Path]


def moved(number: int) -> np.ndarray:
    """SfM pose of a frame, which differs from the original pose."""
    offset = np.eye(4)
    offset[:3, :3] = Rotation.from_euler("zyx", [0.3, -0.2, 0.1]).as_matrix()
    offset[:3, 3] = [0.4, -0.5, 0.6]
    return offset @ pose(number)


def line(sequence: str, number: int, focal_length: str = "526.22") -> str:
    camera_T_map = np.linalg.inv(moved(number))
    x, y, z, w = Rotation.from_matrix(camera_T_map[:3, :3]).as_quat()
    t = " ".join(f"{value:.6f}" for value in camera_T_map[:3, 3])
    return f"{sequence}/frame-{number:06d}.color.png {w:.6g} {x:.6g} {y:.6g} {z:.6g} {t} {focal_length}"


@pytest.fixture
def sfm(tmp_path: Path) -> PseudoGroundTruth:
    """Function that writes the lines of a split's file, for the scene that ``seven_scenes`` writes."""

    def write(*lines: str, split: str = "train") -> Path:
        file = tmp_path / "pgt" / "sfm" / "7scenes" / f"scene_{split}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{text}\n" for text in lines))
        return file

    return write


def test_poses_are_inverted_and_frames_without_have_none(seven_scenes: SevenScenes, sfm: PseudoGroundTruth) -> None:
    directory = seven_scenes()
    sfm(line("seq-01", 5), line("seq-02", 1), line("seq-01", 0), line("seq-01", 2), line("seq-01", 77))
    sequence = read_seven_scenes(directory, RecordingOptions(poses="sfm")).with_poses()
    assert sequence.frame_numbers.tolist() == [0, 2, 5]
    assert sequence.stamps.tolist() == [0, 66_666_666, 166_666_666]
    np.testing.assert_allclose(sequence.map_T_camera, [moved(n) for n in (0, 2, 5)], atol=5e-6)
    np.testing.assert_array_equal(sequence.read_image(1), picture(2))
    original = read_seven_scenes(directory)
    np.testing.assert_allclose(original.map_T_camera, [pose(n) for n in (0, 1, 2, 5)], atol=1e-6)


def test_the_focal_length_is_the_files(seven_scenes: SevenScenes, sfm: PseudoGroundTruth) -> None:
    directory = seven_scenes()
    sfm(*(line("seq-01", n) for n in (0, 1, 2, 5)))
    sequence = read_seven_scenes(directory, RecordingOptions(poses="sfm"))
    assert sequence.camera == Camera(640, 480, 526.22, 526.22, 320.0, 240.0)
    assert sequence.read_depth is not None
    # Column 99.5 of the depth camera, moved by 526.22 / 585 towards the centre, is at 121.7 (with 525, at 122.1).
    assert np.flatnonzero(~np.isnan(sequence.read_depth(0)[300]))[0] == 122
    for number in (0, 1, 2, 5):
        write_rgb(directory / f"frame-{number:06d}.color.png", picture(number, (320, 240)))
    assert read_seven_scenes(directory, RecordingOptions(poses="sfm")).camera.fx == pytest.approx(263.11)


def test_original_poses_are_not_needed(seven_scenes: SevenScenes, sfm: PseudoGroundTruth) -> None:
    directory = seven_scenes()
    for file in directory.glob("*.pose.txt"):
        file.unlink()
    sfm(line("seq-01", 0), line("seq-01", 1))
    sequence = read_seven_scenes(directory, RecordingOptions(poses="sfm"))
    assert sequence.has_pose.tolist() == [True, True, False, False]


def test_each_sequence_is_found_in_its_splits_file(seven_scenes: SevenScenes, sfm: PseudoGroundTruth) -> None:
    for name in ("seq-01", "seq-02"):
        scene = seven_scenes((0, 1), name=name, depth=False).parent
    (scene / "TrainSplit.txt").write_text("sequence1\n")
    (scene / "TestSplit.txt").write_text("sequence2\n")
    sfm(line("seq-01", 0), line("seq-01", 1))
    sfm(line("seq-02", 1, "525.5"), split="test")
    (train,) = open_sequences(scene, RecordingOptions(poses="sfm"))
    (test,) = open_sequences(scene, RecordingOptions(poses="sfm"), split="test")
    assert (train.name, train.frame_numbers.tolist(), train.camera.fx) == ("scene/seq-01", [0, 1], 526.22)
    assert (test.name, test.has_pose.tolist(), test.camera.fx) == ("scene/seq-02", [False, True], 525.5)
    np.testing.assert_allclose(test.map_T_camera[1], moved(1), atol=5e-6)


def test_the_files_are_looked_for_beside_a_linked_scene(seven_scenes: SevenScenes, tmp_path: Path) -> None:
    sfm_scene = tmp_path / "links" / "scene"
    sfm_scene.parent.mkdir()
    sfm_scene.symlink_to(seven_scenes().parent)
    file = sfm_scene.parent / "pgt" / "sfm" / "7scenes" / "scene_test.txt"
    file.parent.mkdir(parents=True)
    file.write_text(line("seq-01", 2) + "\n")
    found = read_seven_scenes(sfm_scene / "seq-01", RecordingOptions(poses="sfm"))
    assert found.has_pose.tolist() == [False, False, True, False]


def test_missing_files_are_named_with_their_origin(seven_scenes: SevenScenes) -> None:
    with pytest.raises(DatasetError, match=r"pgt/sfm/7scenes/scene_train\.txt: no such file.*visloc_pseudo_gt"):
        read_seven_scenes(seven_scenes(), RecordingOptions(poses="sfm"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line("seq-02", 0)], "no line for seq-01"),
        ([line("seq-01", 77)], "none of its 4 frames"),
        ([line("seq-01", 0), line("seq-01", 1, "525.1")], "2 focal lengths"),
        ([line("seq-01", 0).rsplit(" ", 1)[0]], r"scene_train\.txt:1: not 'rgb_file qw"),
        ([line("seq-01", 0, "x")], r"scene_train\.txt:1"),
        ([line("seq-01", 0), line("seq-01", 1, "nan")], r"scene_train\.txt:2: NaN"),
        (["seq-01/frame-000000.color.png 0 0 0 0 1 2 3 525"], "norm"),
        (["seq-01/frame-000000.color.png 1 0 0 0 1 inf 3 525"], "infinity"),
        (["seq-01/depth.png 1 0 0 0 1 2 3 525"], "no colour image"),
    ],
)
def test_broken_files_are_named(
    seven_scenes: SevenScenes, sfm: PseudoGroundTruth, lines: list[str], message: str
) -> None:
    sfm(*lines)
    with pytest.raises(DatasetError, match=message):
        read_seven_scenes(seven_scenes(), RecordingOptions(poses="sfm"))
