"""Training of a place: its defaults, the general network that it starts from, and its stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from localization_common.files.shipped_files import shipped
from vlocnet_ros.commands.complexity import size
from vlocnet_ros.commands.train_schedule import ScheduleConfig, _training
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import structure
from vlocnet_ros.training.initial_weights import copy_initial_weights
from vlocnet_ros.training.place_config import GENERAL, PlaceTrainConfig, with_general_network
from vlocnet_ros.training.stages import PLACE_SCHEDULE, SMALL_PLACE_SCHEDULE, place_schedule, plan


def options(**changes: object) -> PlaceTrainConfig:
    return replace(PlaceTrainConfig(train=(Path("drive"),), output=Path("kitchen.safetensors")), **changes)


def test_it_starts_from_the_shipped_general_network():
    assert with_general_network(options()).initial == (shipped(str(GENERAL)),)
    own = (Path("own.safetensors"),)
    assert with_general_network(options(initial=own)).initial == own
    assert with_general_network(options(initial=())).initial == ()


def test_a_shallow_network_starts_from_the_units_that_it_keeps():
    config = with_general_network(options(model="shallow", system="vlocnetpp"))
    network = VLocNet(structure(config, tasks=Tasks(pose=False), classes=12))
    taken, _ = copy_initial_weights(network, config.initial, torch.rand(2, 3, 112, 160))
    learned = set(network.state_dict()) - {"intrinsics"}
    assert len(learned & taken) > 0.95 * len(learned)
    light = VLocNet(structure(with_general_network(options(system="vlocnetpp")), tasks=Tasks(pose=False), classes=12))
    assert size(network).step < 0.55 * size(light).step


@pytest.mark.parametrize("changes", [{"model": "paper"}, {"system": "segnet"}])
def test_structures_without_its_streams_start_from_nothing(changes):
    assert with_general_network(options(**changes)).initial == ()


def test_the_front_end_is_that_of_the_initial_network():
    assert structure(with_general_network(options())).normalization == "local"
    old = (shipped("models/vlocnet_apartment_light.safetensors"),)
    assert structure(options(initial=old)).normalization == "none"
    assert structure(options(initial=old, normalization="picture")).normalization == "picture"
    assert structure(with_general_network(options(system="segnet"))).normalization == "local"
    assert structure(TrainConfig(train=(Path("drive"),), output=Path("kitchen.safetensors"))).normalization == "none"


def test_the_general_network_adapts_before_scene_coordinates_are_trained_on_its_features(tmp_path):
    general = tmp_path / "general.safetensors"
    config = ScheduleConfig(options(initial=(general,)), minutes=40.0)
    planned = plan(SMALL_PLACE_SCHEDULE, Tasks(pose=False, coordinates=True), lambda tasks: tasks)
    trainings = {p.stage.name: _training(config, p, tmp_path) for p in planned}
    assert list(trainings) == ["adapt", "coordinates", "together"]
    assert trainings["adapt"].initial == (general,)
    assert trainings["adapt"].tasks == Tasks(pose=False)  # labels use the motion, so they are trained together
    assert trainings["coordinates"].initial == (general, tmp_path / "adapt.safetensors")
    assert trainings["coordinates"].tasks == Tasks(pose=False, coordinates=True)
    assert trainings["coordinates"].optimizer.minutes == pytest.approx(8.0)
    assert [p.stage.name for p in planned if p.stage.on_cells] == ["coordinates"]
    # The same streams once more, but on whole images.
    assert trainings["together"].initial == (tmp_path / "coordinates.safetensors",)
    assert trainings["together"].tasks == Tasks(pose=False, coordinates=True)


def test_a_general_network_alone_is_enough_for_coordinates():
    """Plan for data that trains no other stream: single images with poses."""

    def trainable(tasks: Tasks) -> Tasks | None:
        return replace(tasks, odometry=False, segmentation=False) if tasks.coordinates else None

    planned = plan(SMALL_PLACE_SCHEDULE, Tasks(pose=False, coordinates=True), trainable)
    assert [(p.stage.name, p.start, p.new) for p in planned] == [
        ("coordinates", (), True),
        ("together", ("coordinates",), False),
    ]


def test_few_images_also_train_the_features():
    assert place_schedule(600) == SMALL_PLACE_SCHEDULE
    assert place_schedule(4000) == PLACE_SCHEDULE
    assert [stage.name for stage in PLACE_SCHEDULE] == ["adapt", "coordinates"]
    assert [stage.name for stage in SMALL_PLACE_SCHEDULE] == ["adapt", "coordinates", "together"]
