"""Formats are told from what lies in a directory."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from localization_common.datasets import open_sequence, open_sequences
from localization_common.errors import DatasetError

from .conftest import SevenScenes


def test_each_format_is_recognised(seven_scenes: SevenScenes, tum: Path, kitti: Path) -> None:
    assert open_sequence(seven_scenes()).name == "scene/seq-01"
    assert open_sequence(str(tum)).name == "rgbd_dataset_freiburg3_made"
    assert open_sequence(kitti).name == "kitti/07"


def test_options_reach_the_reader_and_unknown_ones_are_refused(tum: Path, kitti: Path) -> None:
    assert len(open_sequence(tum, max_difference_s=0.03)) == 5
    with pytest.raises(DatasetError, match=r"07: .*no such option.*max_difference_s"):
        open_sequence(kitti, max_difference_s=0.03)


@pytest.mark.parametrize("name", ["drive.mcap", "drive.db3", "bag/metadata.yaml", "bag/part_0.mcap"])
def test_bags_go_to_their_reader(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    module = ModuleType("localization_common.datasets.rosbag2")
    module.read_rosbag2 = lambda path, **options: read.append((path, options))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    opened = file if "/" not in name else file.parent
    open_sequence(opened, image_topic="/camera")
    assert read == [(opened, {"image_topic": "/camera"})]


def test_what_is_nothing_known_is_refused(tmp_path: Path, seven_scenes: SevenScenes) -> None:
    with pytest.raises(DatasetError, match="no such file or directory"):
        open_sequence(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(DatasetError, match=r"format not recognised.*7-Scenes.*rosbag2"):
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
