"""Networks of a place: only a better one replaces them; depth comes from the place's points."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_places import place_of

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.keyframes.building import KeyframeConfig, build, choose
from localization_common.place import Place
from vlocnet_ros.commands.place_network import better, measure, writing_if_better
from vlocnet_ros.commands.train import train
from vlocnet_ros.commands.train_schedule import ScheduleConfig, run
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.checkpoint import load_vlocnet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import TrainingData, open_data
from vlocnet_ros.training.optimizer import OptimizerConfig


@pytest.fixture
def place(tmp_path: Path, wall_sequence: Sequence) -> Place:
    """Place of one drive along the wall, whose recording has no depth and no labels."""
    bare = replace(wall_sequence, read_depth=None, read_labels=None, class_names=())
    write_sequence(bare, tmp_path / "wall")
    return place_of(tmp_path / "hall", tmp_path / "wall")


def config_for(place: Place, tmp_path: Path, **changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "recording": RecordingOptions(place=place.path),
        "optimizer": OptimizerConfig(steps=6, warmup=2),
        "exclude": "5-6",
        "batch": 4,
        "tasks": Tasks(pose=True, odometry=False, segmentation=False, depth=False),
        "validate_every": 50,
        "width": 64,
        "height": 48,
        "precision": "32-true",
        "accelerator": "cpu",
        "threads": 1,
        "progress_bar": False,
        "runs": tmp_path / "runs",
    }
    return TrainConfig(**(values | changes))  # type: ignore[arg-type]


def test_the_mean_log_error_decides():
    old = {"pose": {"median_m": 0.2, "median_deg": 2.0}, "odometry": {"rpe_percent": 4.0, "rpe_deg_per_m": 1.0}}
    closer = {"pose": {"median_m": 0.1, "median_deg": 2.0}, "odometry": {"rpe_percent": 6.0, "rpe_deg_per_m": 1.0}}
    assert better(closer, old)
    assert not better(old, closer)
    assert not better(old, old)
    assert better({"pose": closer["pose"]}, old)  # the odometry of one of them was not measured
    assert not better({"odometry": {"rpe_percent": 0.1, "rpe_deg_per_m": 0.1}}, old)
    assert better(old, {"odometry": {"rpe_percent": 0.1, "rpe_deg_per_m": 0.1}})


@pytest.mark.filterwarnings("ignore")
def test_a_better_network_stays_and_a_worse_one_is_replaced(place: Place, tmp_path: Path, capsys) -> None:
    config = config_for(place, tmp_path)
    first = train(config)
    assert load_vlocnet(place.file("vlocnet")).card == first.card
    assert "is new; a running vlocnet node loads it" in capsys.readouterr().out
    good = place.file("vlocnet").read_bytes()
    held_out = open_data(config)[1]
    numbers, _ = measure(place.file("vlocnet"), held_out, 1)
    otherwise = tmp_path / "otherwise.safetensors"
    for factor, replaced in ((0.5, True), (2.0, False)):
        other = {**numbers, "pose": {**numbers["pose"], "median_m": factor * numbers["pose"]["median_m"]}}
        with writing_if_better(None, place, other, held_out, max_frame_gap=1, otherwise=otherwise) as file:
            assert (file == otherwise) is not replaced
        assert ("the new network is not better" in capsys.readouterr().out) is not replaced
    assert place.file("vlocnet").read_bytes() == good


def test_a_first_network_that_is_worse_than_keyframes_is_not_put_into_the_place(place: Place, tmp_path: Path, capsys):
    otherwise = tmp_path / "otherwise.safetensors"

    def installed(metres: float) -> bool:
        numbers = {"frames": 9, "pose": {"median_m": metres, "median_deg": 1.0, "within_25cm_5deg": 0.4}}
        with writing_if_better(None, place, numbers, [], max_frame_gap=1, otherwise=otherwise) as file:
            file.write_bytes(b"")
        place.location("vlocnet").unlink(missing_ok=True)
        return file != otherwise

    assert installed(0.9)  # without keyframes it is better than nothing
    place.location("keyframes").write_bytes(b"")
    assert installed(0.4)
    assert not installed(0.9)
    assert "gets no network: half of its poses are off by more than 0.90 m" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_schedule_keeps_a_network_that_is_better(place: Place, tmp_path: Path, capsys) -> None:
    """A network after twelve steps is not replaced by the same training with one step."""
    config = config_for(place, tmp_path)
    run(ScheduleConfig(config, minutes=None, steps=12))
    good = place.file("vlocnet").read_bytes()
    written = run(ScheduleConfig(config, minutes=None, steps=1))
    out = capsys.readouterr().out
    assert written is not None
    assert written.card["steps"] == 1
    numbers = written.card["numbers"]
    if better(numbers, load_vlocnet(place.file("vlocnet")).card["numbers"]):
        pytest.fail("one step is better than twelve: this test compares nothing")
    assert place.file("vlocnet").read_bytes() == good
    assert f"{place.path}/vlocnet.safetensors stays, since the new network is not better" in out
    assert f"poses off by {numbers['pose']['median_m']:.3f} m" in out


def test_without_frames_to_compare_on_a_training_is_refused(place: Place, tmp_path: Path, tiny_checkpoint) -> None:
    shutil.copyfile(tiny_checkpoint, place.location("vlocnet"))
    config = config_for(place, tmp_path, exclude="", hold_out=0.0)
    for command in (lambda: train(config), lambda: run(ScheduleConfig(config, minutes=None, steps=1))):
        with pytest.raises(ConfigError, match=r"vlocnet\.safetensors: exists, and there are no held-out frames"):
            command()


def test_a_part_of_each_drive_of_a_place_is_held_out(place: Place, tmp_path: Path) -> None:
    trained, held_out = open_data(config_for(place, tmp_path, exclude="", hold_out=0.3))
    assert [s.frame_numbers.tolist() for s in held_out] == [[2, 3]]
    assert [s.frame_numbers.tolist() for s in trained] == [[0, 1, 4, 5, 6]]
    assert open_data(config_for(place, tmp_path, exclude="", hold_out=0.0))[1] == []
    with pytest.raises(ConfigError, match="hold_out"):
        config_for(place, tmp_path, hold_out=1.0)


def test_frames_get_the_depth_of_the_places_points(place: Place, tmp_path: Path, wall_sequence: Sequence) -> None:
    """The wall is flat, two metres before the camera."""
    config = config_for(place, tmp_path)
    assert TrainingData.read(config).frames.depth is None  # the place has no keyframe map
    poses = open_sequence(tmp_path / "wall", config.recording).with_poses()
    keyframes = KeyframeConfig(metres=0.02)
    build(choose([poses], keyframes, lambda *_: None), keyframes).save(place.location("keyframes"))
    data = TrainingData.read(config)
    for frames in (data.frames, data.validation):
        assert frames is not None
        assert frames.depth is not None
        known = frames.depth[torch.isfinite(frames.depth)].float().numpy()
        assert known.size > 0.2 * frames.depth.numel()
        assert np.median(known) == pytest.approx(2.0, abs=0.04)
        assert np.quantile(np.abs(known - 2.0), 0.95) < 0.3
