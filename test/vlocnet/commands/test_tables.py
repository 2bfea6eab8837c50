"""Paper's tables end to end: small data sets in the exact formats, real checkpoints, every number computed again.

True poses are written at known distances from the networks' estimates, so that the errors are known.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config
from written_data_sets import (
    DEEPLOC,
    ORIGINAL,
    SEGMENT_M,
    SFM,
    ZED,
    Errors,
    SevenScenes,
    segments,
    write_checkpoint,
    write_deeploc,
)

from localization_common.datasets.deeploc import CLASS_NAMES
from localization_common.datasets.options import RecordingOptions
from vlocnet_ros.commands import tables
from vlocnet_ros.config import Tasks
from vlocnet_ros.evaluation import published_results
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import open_data
from vlocnet_ros.training.training_frames import network_camera


@pytest.fixture(scope="module")
def seven_scenes(tmp_path_factory: pytest.TempPathFactory) -> SevenScenes:
    return SevenScenes(tmp_path_factory.mktemp("tables"))


class Run:
    """Run of the command, as from a shell."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: Path) -> None:
        self.monkeypatch, self.capsys, self.output = monkeypatch, capsys, output

    def __call__(self, *arguments: object) -> tuple[dict, str]:
        words = [*arguments, "--segment-m", SEGMENT_M, "--output", self.output]
        self.monkeypatch.setattr("sys.argv", ["vlocnet_tables", *map(str, words)])
        tables.main()
        return json.loads(self.output.read_text()), self.capsys.readouterr().out


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    return Run(monkeypatch, capsys, tmp_path / "made" / "table.json")


def medians(errors: Errors) -> tuple[float, float, float]:
    """Return median metres and degrees, and the share within 5 cm and 5 deg."""
    metres, degrees = np.array(errors).T
    return float(np.median(metres)), float(np.median(degrees)), float(np.mean((metres < 0.05) & (degrees < 5.0)))


def check(numbers: dict, errors: Errors, found: list[tuple[float, float]]) -> None:
    pose, odometry = numbers["pose"], numbers["odometry"]
    assert numbers["frames"] - numbers["without_true_pose"] == pose["frames"] == len(errors)
    measured = (pose["median_m"], pose["median_deg"], pose["within_5cm_5deg"])
    assert measured == pytest.approx(medians(errors), abs=1e-4)
    assert len(found) > 0
    assert odometry["segments"] == len(found)
    assert (odometry["rpe_percent"], odometry["rpe_deg_per_m"]) == pytest.approx(np.mean(found, axis=0), rel=1e-4)


def test_seven_scenes(seven_scenes: SevenScenes, run: Run) -> None:
    numbers, text = run(seven_scenes.root, "--checkpoint", seven_scenes.checkpoints)
    measured = numbers["measured"]
    chess, stairs = ORIGINAL["chess", 1] + ORIGINAL["chess", 3], ORIGINAL["stairs", 2]
    assert list(measured) == ["chess", "stairs"]
    check(measured["chess"], chess, seven_scenes.segments["chess"])
    check(measured["stairs"], stairs, seven_scenes.segments["stairs"])
    assert [m["checkpoint"] for m in measured.values()] == ["chess.safetensors", "stairs.safetensors"]
    mean = numbers["average"]
    expected = np.mean([medians(chess), medians(stairs)], axis=0)
    assert (mean["median_m"], mean["median_deg"], mean["within_5cm_5deg"]) == pytest.approx(expected, abs=1e-4)
    odometry = np.mean([np.mean(seven_scenes.segments[scene], axis=0) for scene in ("chess", "stairs")], axis=0)
    assert (mean["rpe_percent"], mean["rpe_deg_per_m"]) == pytest.approx(odometry, rel=1e-4)

    head, _, row, _, average = (line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|"))
    cells = {title.strip(): cell.strip() for title, cell in zip(head, row, strict=True)}
    assert cells["scene"] == "chess"
    assert cells["median pose error"] == "0.049 m, 3 deg"
    assert cells["5 cm, 5 deg"] == "44.4 %"
    assert cells["published: VLocNet++ multitask"] == "0.018 m, 1.17 deg"
    assert cells["published: odometry"] == "0.99 %, 0.66 deg/m"
    assert average[0].strip() == "average of 2"
    assert {cell.strip() for cell in average[5:]} == {"-"}  # the published average is over seven scenes
    assert "original poses (KinectFusion)" in text


def test_seven_scenes_with_sfm_poses(seven_scenes: SevenScenes, run: Run) -> None:
    checkpoint = seven_scenes.checkpoints / "chess.safetensors"
    numbers, text = run(seven_scenes.root / "chess", "--checkpoint", checkpoint, "--poses", "sfm")
    assert (numbers["poses"], list(numbers["measured"])) == ("sfm", ["chess"])
    check(numbers["measured"]["chess"], SFM["chess", 1] + SFM["chess", 3], seven_scenes.segments["sfm"])
    assert "SfM pseudo ground truth" in text
    assert "with the original poses; not measured here" in text


def test_training_reads_the_same_poses(seven_scenes: SevenScenes, tmp_path: Path) -> None:
    scene = seven_scenes.root / "chess"
    for poses, metres in (("original", 9.0), ("sfm", 8.0)):
        recording = RecordingOptions(poses="" if poses == "original" else poses)
        config = TrainConfig(train=(scene,), output=tmp_path / "x", validate=(scene,), recording=recording)
        ((train,), validation) = open_data(config)
        assert train.name == "chess/seq-02"
        np.testing.assert_allclose(np.abs(train.map_T_camera[:, 2, 3]), metres, atol=0.5)
        assert [len(s) for s in validation] == [3, 6 if poses == "original" else 5]


def test_scenes_without_checkpoint_are_left_out(
    seven_scenes: SevenScenes, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stairs.safetensors").symlink_to(seven_scenes.checkpoints / "stairs.safetensors")
    tables_run = tables.measure(tables.TablesConfig(seven_scenes.root, tmp_path, segment_m=SEGMENT_M))
    assert list(tables_run["measured"]) == ["stairs"]
    assert "no checkpoint of that name: chess" in capsys.readouterr().err


def test_deeploc(tmp_path: Path, run: Run) -> None:
    tasks = Tasks(depth=False)
    path = write_checkpoint(tmp_path / "deeploc.safetensors", ZED, 3, tasks=tasks, classes=10)
    estimates, poses, truth, predicted = write_deeploc(tmp_path / "DeepLoc", path)
    numbers, text = run(tmp_path / "DeepLoc", "--checkpoint", path)
    check(numbers["measured"]["test"], DEEPLOC, segments(estimates, poses))
    seen = np.stack(predicted) != 255
    true, guess = np.stack(truth)[seen], np.stack(predicted)[seen]
    iou = {}
    for i, name in enumerate(CLASS_NAMES):
        union = int(((true == i) | (guess == i)).sum())
        if union:
            iou[name] = int(((true == i) & (guess == i)).sum()) / union
    segmentation = numbers["measured"]["test"]["segmentation"]
    assert sum(0.0 < value < 1.0 for value in iou.values()) > 3
    assert segmentation["iou"] == pytest.approx(iou)
    assert segmentation["miou"] == pytest.approx(np.mean(list(iou.values())))
    assert "| deeploc.safetensors, 4 frames " in text
    multitask = next(line for line in text.splitlines() if "published: VLocNet++ multitask" in line)
    assert "0.32 m, 1.48 deg" in multitask
    assert "80.44 %" in multitask
    assert f"{100 * iou['sky']:.2f} %" in next(line for line in text.splitlines() if line.startswith("| sky "))


def test_wrong_options_are_refused_with_a_reason(
    seven_scenes: SevenScenes, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chess = seven_scenes.checkpoints / "chess.safetensors"
    path = write_checkpoint(tmp_path / "three.safetensors", ZED, 3, tasks=Tasks(depth=False), classes=10)
    write_deeploc(tmp_path / "DeepLoc", path)
    torch.manual_seed(0)
    other = VLocNet(make_config(tasks=Tasks(depth=False)))
    save_vlocnet(path, other, camera=network_camera(ZED, WIDTH, HEIGHT), class_names=("a", "b", "c"))
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((seven_scenes.root, "--checkpoint", chess), r"one scene only.*chess\.safetensors, stairs\.safetensors"),
        ((seven_scenes.root, "--checkpoint", tmp_path / "empty"), r"holds none of chess\.safetensors"),
        ((seven_scenes.root / "chess", "--checkpoint", tmp_path / "none"), "no such file"),
        ((seven_scenes.root, "--checkpoint", seven_scenes.checkpoints, "--poses", "sfm"), r"stairs_train\.txt: no"),
        ((tmp_path / "empty", "--checkpoint", chess), "neither 7-Scenes .* nor DeepLoc"),
        ((tmp_path / "nowhere", "--checkpoint", chess), "neither 7-Scenes"),
        ((tmp_path / "DeepLoc", "--checkpoint", path, "--poses", "sfm"), "is DeepLoc"),
        ((tmp_path / "DeepLoc", "--checkpoint", path), "10 classes, but .* has 3"),
    ):
        with pytest.raises(SystemExit, match=message):
            run(*arguments)


def test_published_averages_are_those_of_the_published_rows() -> None:
    for method, rows in published_results.SEVEN_SCENES.items():
        assert set(rows) == {*published_results.SCENES, "average"}
        for name in ("median_m", "median_deg", "rpe_percent", "rpe_deg_per_m"):
            last_digit = 0.001 if name == "median_m" else 0.01
            values = [getattr(rows[scene], name) for scene in published_results.SCENES]
            if None not in values:
                assert getattr(rows["average"], name) == pytest.approx(np.mean(values), abs=last_digit), (method, name)
