"""Training of a place: its defaults, the general network that it starts from, and its stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from localization_common.files.shipped_files import shipped
from vlocnet_ros.commands.train_schedule import ScheduleConfig, _training
from vlocnet_ros.config import Tasks
from vlocnet_ros.training.place_config import GENERAL, PlaceTrainConfig, with_general_network
from vlocnet_ros.training.stages import PLACE_SCHEDULE, plan


def options(**changes: object) -> PlaceTrainConfig:
    return replace(PlaceTrainConfig(train=(Path("drive"),), output=Path("kitchen.safetensors")), **changes)


def test_it_starts_from_the_shipped_general_network():
    assert with_general_network(options()).initial == (shipped(str(GENERAL)),)
    own = (Path("own.safetensors"),)
    assert with_general_network(options(initial=own)).initial == own
    assert with_general_network(options(initial=())).initial == ()


@pytest.mark.parametrize("changes", [{"model": "paper"}, {"system": "segnet"}])
def test_structures_without_its_streams_start_from_nothing(changes):
    assert with_general_network(options(**changes)).initial == ()


def test_poses_have_most_of_the_time_and_every_stream_starts_from_the_general_network(tmp_path):
    general = tmp_path / "general.safetensors"
    config = ScheduleConfig(options(initial=(general,)), minutes=40.0)
    planned = plan(PLACE_SCHEDULE, Tasks(coordinates=True), lambda tasks: tasks)
    trainings = {p.stage.name: _training(config, p, tmp_path) for p in planned}
    assert trainings["pose"].tasks == Tasks(odometry=False, coordinates=True)
    assert trainings["pose"].optimizer.minutes == 30.0
    # The encoder of the labels, whose features the poses use, is trained before them, and not with them.
    assert trainings["pose"].initial == (general, tmp_path / "scene.safetensors")
    assert (trainings["pose"].mixture.pairs, trainings["pose"].mixture.all) == (0, 0)
    assert trainings["scene"].initial == (general,)
    # The odometry sees the trunk that the pose was trained with, and keeps it.
    assert trainings["odometry"].initial == (general, tmp_path / "pose.safetensors")
    assert trainings["odometry"].freeze == ("trunk",)
    stages = tuple(tmp_path / f"{name}.safetensors" for name in ("pose", "odometry"))
    assert trainings["together"].initial == stages
    assert trainings["together"].optimizer.steps == 0


def test_without_labels_and_depth_there_is_no_stage_of_the_scene():
    planned = plan(PLACE_SCHEDULE, Tasks(segmentation=False, depth=False, coordinates=True), lambda tasks: tasks)
    assert [p.stage.name for p in planned] == ["pose", "odometry", "together"]
    assert planned[-1].start == ("pose", "odometry")
