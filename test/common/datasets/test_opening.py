"""Recognition of formats by the files in a directory."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from drawn_frames import SevenScenes

from localization_common.datasets import open_sequence, open_sequences
from localization_common.datasets.formats import is_bag
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError


def test_each_format_is_recognised(seven_scenes: SevenScenes, tum: Path, kitti: Path) -> None:
    assert open_sequence(seven_scenes()).name == "scene/seq-01"
    assert open_sequence(str(tum)).name == "rgbd_dataset_freiburg3_made"
    assert open_sequence(kitti).name == "kitti/07"


def test_options_reach_the_reader_and_unknown_ones_are_refused(tum: Path, kitti: Path) -> None:
    assert open_sequence(tum, RecordingOptions(max_pose_gap=0.03)).has_pose.sum() == 4
    with pytest.raises(DatasetError, match=r"07: --topics, --base-frame: KITTI odometry has no such option"):
        open_sequence(kitti, RecordingOptions(topics=BagTopics(image="/camera"), base_frame="base_link"))
    with pytest.raises(DatasetError, match=r"07: --poses none: KITTI odometry has no such option"):
        open_sequence(kitti, RecordingOptions(poses="none"))


def test_the_mount_is_where_the_base_is_relative_to_the_camera(kitti: Path) -> None:
    plain = open_sequence(kitti)
    mounted = open_sequence(kitti, RecordingOptions(mount=(1.0, 0.0, 0.5, 0.0, 0.0, 0.0)))
    np.testing.assert_array_equal(mounted.map_T_camera, plain.map_T_camera)
    base_T_camera = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 0], [0, -1, 0, 0.5], [0, 0, 0, 1]])
    np.testing.assert_allclose(mounted.map_T_base @ base_T_camera, plain.map_T_camera, atol=1e-12)


def test_a_file_gives_the_poses_of_the_base(tum: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.txt"
    start = 1305031102.175304
    truth.write_text(f"{start:.6f} 0 0 0 0 0 0 1\n{start + 0.1:.6f} 1 0 0 0 0 0 1\n")
    with pytest.raises(DatasetError, match=r"has no mount of the camera.*--mount"):
        open_sequence(tum, RecordingOptions(poses=str(truth)))
    options = RecordingOptions(poses=str(truth), mount=(0.2, 0.0, 1.0, 0.0, 0.0, 0.0))
    (tum / "groundtruth.txt").unlink()
    sequence = open_sequence(tum, options)
    assert sequence.has_pose.tolist() == [True, True, True, True, False, False]
    np.testing.assert_allclose(sequence.map_T_base[:3, 0, 3], [0.0, 1 / 3, 2 / 3], atol=1e-4)
    np.testing.assert_allclose(
        sequence.map_T_camera[:3, :3, 3], [[0.2, 0, 1], [0.2 + 1 / 3, 0, 1], [0.2 + 2 / 3, 0, 1]], atol=1e-4
    )
    truth.write_text("5.0 0 0 0 0 0 0 1\n6.0 1 0 0 0 0 0 1\n")
    with pytest.raises(DatasetError, match=r"truth\.txt: no frame of .* 1305031102.* poses 5\.000 to 6\.000 s"):
        open_sequence(tum, options)
    with pytest.raises(DatasetError, match=r"--poses: 7-Scenes has no such option; it has no times"):
        open_sequence(_seven_scenes_like(tmp_path), options)


def _seven_scenes_like(tmp_path: Path) -> Path:
    directory = tmp_path / "seq-01"
    directory.mkdir()
    (directory / "frame-000000.color.png").touch()
    return directory


@pytest.mark.parametrize(
    "name", ["drive.mcap", "drive.db3", "drive.bag", "bag/metadata.yaml", "bag/part_0.mcap", "bag/part_0.db3"]
)
def test_bags_go_to_their_reader(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    module = ModuleType("localization_common.datasets.bags.reader")
    module.read_bag = lambda path, options: read.append((path, options))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    opened = file if "/" not in name else file.parent
    options = RecordingOptions(topics=BagTopics(image="/camera"))
    assert is_bag(opened)
    open_sequence(opened, options)
    assert read == [(opened, options)]


def test_folders_of_pictures_are_no_bags(tum: Path, tmp_path: Path) -> None:
    assert not is_bag(tum)
    assert not is_bag(tmp_path / "nowhere.mcap")
    assert not is_bag(tum / "rgb.txt")


def test_unknown_formats_are_refused(tmp_path: Path, seven_scenes: SevenScenes) -> None:
    with pytest.raises(DatasetError, match="no such file or directory"):
        open_sequence(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(DatasetError, match=r"format not recognised.*rosbag2.*COLMAP.*7-Scenes"):
            open_sequence(path)
    scene = seven_scenes().parent
    with pytest.raises(DatasetError, match=r"holds 1 sequences.*seq-01"):
        open_sequence(scene)


def test_several_sequences_open_together(seven_scenes: SevenScenes, kitti: Path) -> None:
    for name in ("seq-01", "seq-02", "seq-03"):
        scene = seven_scenes((0, 1), name=name, depth=False).parent
    (scene / "README").touch()
    assert [s.name for s in open_sequences(scene)] == ["scene/seq-01", "scene/seq-02", "scene/seq-03"]
    (scene / "TrainSplit.txt").write_text("sequence2\n")
    (scene / "TestSplit.txt").write_text("sequence1\n")
    assert [s.name for s in open_sequences(scene)] == ["scene/seq-02"]
    assert [s.name for s in open_sequences(scene, split="test")] == ["scene/seq-01"]
    assert [s.name for s in open_sequences(kitti)] == ["kitti/07"]
    with pytest.raises(DatasetError, match="no such file"):
        open_sequences(scene / "seq-99")
