"""Commands of vlocnet with a place: it gives networks, maps, recordings and poses, and gets what is made."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_places import PLACE_T_RECORDED, place_of

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import MapError
from localization_common.place import Place, PlaceWriter
from vlocnet_ros.commands import calibrate, evaluate, explain, export, train_schedule
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import open_data
from vlocnet_ros.training.optimizer import OptimizerConfig
from vlocnet_ros.training.trainer import run_directory


@pytest.fixture
def place(tmp_path: Path, wall_sequence: Sequence) -> Place:
    """Place of two drives along the wall."""
    write_sequence(wall_sequence, tmp_path / "wall")
    write_sequence(replace(wall_sequence, stamps=wall_sequence.stamps + 50), tmp_path / "again")
    return place_of(tmp_path / "hall", tmp_path / "wall", tmp_path / "again")


@pytest.fixture
def trained(place: Place, tiny_checkpoint: Path) -> Place:
    with place.adding("vlocnet") as file:
        shutil.copyfile(tiny_checkpoint, file)
    return place


def run(module: object, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["command", *map(str, arguments)])
    module.main()  # type: ignore[attr-defined]


def test_evaluation_takes_checkpoint_and_poses_of_the_place(
    trained: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    inner = evaluate.evaluate
    monkeypatch.setattr(
        evaluate, "evaluate", lambda *given, **options: seen.append((given, options)) or inner(*given, **options)
    )
    run(evaluate, monkeypatch, "--place", trained.path, "--sequences", tmp_path / "wall", "--segment-m", 0.1)
    (((checkpoint, (sequence,)), options),) = seen
    assert checkpoint == trained.path / "vlocnet.safetensors"
    assert options["keyframe_map"] is None  # the place has none
    np.testing.assert_allclose(sequence.map_T_camera[0], PLACE_T_RECORDED, atol=1e-7)
    assert sequence.has_pose.sum() == 7


def test_a_place_without_a_network_is_refused(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {
        evaluate: ("--sequences", tmp_path / "wall"),
        calibrate: ("--sequences", tmp_path / "wall"),
        explain: ("--sequence", tmp_path / "wall", "--frames", "1", "--output", tmp_path / "heat.png"),
        export: (),
    }
    for module, arguments in data.items():
        with pytest.raises(SystemExit, match=r"vlocnet\.safetensors: no such file.*vlocnet_train_schedule --place"):
            run(module, monkeypatch, "--place", place.path, *arguments)


def test_a_command_without_checkpoint_and_place_is_refused(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="checkpoint: name a file, or a place that has it"):
        run(evaluate, monkeypatch, "--sequences", tmp_path / "wall")
    with pytest.raises(SystemExit, match="checkpoint: name a file, or a place that has it"):
        run(export, monkeypatch)


def test_calibration_replaces_the_checkpoint_of_the_place(
    trained: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_vlocnet(trained.file("vlocnet")).residuals == Residuals()
    run(calibrate, monkeypatch, "--place", trained.path, "--sequences", tmp_path / "wall")
    assert load_vlocnet(trained.file("vlocnet")).residuals != Residuals()


def test_heat_maps_are_those_of_the_place(trained: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--sequence", tmp_path / "wall", "--frames", "1", "--output", tmp_path / "heat.png")
    run(explain, monkeypatch, "--place", trained.path, *arguments)
    assert (tmp_path / "heat.png").is_file()


def config_for(place: Place, tmp_path: Path, **changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "recording": RecordingOptions(place=place.path),
        "optimizer": OptimizerConfig(minutes=1.0, warmup=2),
        "exclude": "6-7",
        "validate_every": 3,
        "width": 64,
        "height": 48,
        "precision": "32-true",
        "accelerator": "cpu",
        "threads": 1,
        "progress_bar": False,
        "runs": tmp_path / "runs",
    }
    return TrainConfig(**(values | changes))  # type: ignore[arg-type]


def test_training_takes_all_drives_that_have_no_other_use(place: Place, tmp_path: Path) -> None:
    trained, _ = open_data(config_for(place, tmp_path, exclude=""))
    assert [sequence.name for sequence in trained] == ["wall", "again"]
    assert [len(sequence) for sequence in trained] == [7, 7]  # the last frame of each has no pose in the place
    validate = (tmp_path / "again",)
    trained, held_out = open_data(config_for(place, tmp_path, exclude="", validate=validate))
    assert [sequence.name for sequence in trained] == ["wall"]
    np.testing.assert_allclose(held_out[0].map_T_camera[0], PLACE_T_RECORDED, atol=1e-7)


@pytest.mark.filterwarnings("ignore")
def test_a_trained_network_joins_the_place(place: Place, tmp_path: Path) -> None:
    common = config_for(place, tmp_path, tasks=Tasks(pose=True, odometry=False, segmentation=False, depth=False))
    assert run_directory(common) == tmp_path / "runs" / "place_hall"
    train_schedule.run(train_schedule.ScheduleConfig(common, minutes=None, steps=12))
    network = load_vlocnet(place.file("vlocnet"))
    assert network.card["data"] == ["place_hall"]
    assert (place.path / "vlocnet.md").is_file()
    # The map frame of a place that is built anew is another one: an interrupted training does not go on in it.
    for file in place.path.glob("vlocnet.*"):
        file.unlink()
    with PlaceWriter(place.path) as writer:
        shutil.copytree(place.path / "poses", writer.folder / "poses", dirs_exist_ok=True)
        writer.commit(place.description)
    with pytest.raises(Exception, match=r"resume: not with other options \(map_id"):
        train_schedule.run(train_schedule.ScheduleConfig(replace(common, resume=True), minutes=None, steps=12))
    with pytest.raises(MapError, match="another map frame"), place.adding("vlocnet"):
        pass
