"""Nodes on a place: it gives the files that parameters leave empty; a map that is not metric is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from made_places import METRIC, NOT_METRIC, make_place
from robot_stage import Stage
from std_srvs.srv import Trigger

from dmn_ros.map.context_map import ContextMap
from dmn_ros.node import DmnNode
from dmn_ros.runtime.checkpoint import load_network
from localization_common.files.shipped_files import shipped
from localization_common.place import MapScale, Place
from localization_common.place.choice import EARLIER_DMN, GENERAL_DMN
from localization_common.ros.lifecycle_client import CONFIGURE
from vlocnet_ros.node import VlocnetNode

NAMES = {"vlocnet": "vlocnet", "dmn": "dmn", "context_map": "map", "keyframes": "keyframes"}


def place_with(models: Path, path: Path, *parts: str, scale: MapScale = METRIC) -> Place:
    """Place with some of the tiny networks and maps."""
    place = make_place(path, scale=scale)
    for part in ("keyframes", *parts):
        shutil.copy(models / f"{NAMES[part]}.safetensors", path / f"{part}.safetensors")
    return place


def given(place: Place, **values: object) -> dict[str, Any]:
    """Parameters that name the place only."""
    return {"place": str(place.path), "checkpoint": "", **values}


def test_vlocnet_takes_checkpoint_and_keyframe_map(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen", "vlocnet")
    stage.start(VlocnetNode, **given(place))
    assert stage.status_now("vlocnet").values["refined"] != "no: there is no keyframe map, or refine is false"


def test_named_files_count_more_than_the_place(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen", "context_map")  # its network would be the general one
    stage.start(VlocnetNode, place=str(place.path), checkpoint=str(models / "vlocnet.safetensors"), refine=False)
    assert stage.status_now("vlocnet").values["refined"] == "no: there is no keyframe map, or refine is false"
    stage.start(DmnNode, place=str(place.path), checkpoint=str(models / "dmn.safetensors"), map_path="")


def test_a_place_without_a_network_is_localized_in_by_keyframes(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen")
    stage.start(VlocnetNode, **given(place))
    assert stage.status_now("vlocnet").values["streams"] == "pose, of the keyframe map"


def test_a_place_without_network_and_keyframes_is_refused(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen")
    (place.path / "keyframes.safetensors").unlink()
    stage.start(VlocnetNode, active=False, autostart=False, **given(place))
    assert not stage.client("vlocnet").change(CONFIGURE)
    assert "no checkpoint and no keyframe map" in stage.status_now("vlocnet").message


def test_the_network_that_was_trained_for_the_place_is_loaded(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen")
    stage.start(VlocnetNode, **given(place))
    early = stage.call(Trigger, "vlocnet/load_checkpoint")
    assert (early.success, "the place has no network yet" in early.message) == (False, True)
    with place.adding("vlocnet") as path:
        shutil.copy(models / "vlocnet.safetensors", path)
    loaded = stage.call(Trigger, "vlocnet/load_checkpoint")
    assert (loaded.success, loaded.message) == (
        True, f"{place.path}/vlocnet.safetensors: pose, odometry, segmentation, depth",
    )  # fmt: skip


def test_the_network_of_a_place_that_was_built_anew_is_refused(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen")
    stage.start(VlocnetNode, **given(place))
    shutil.rmtree(place.path)
    place_with(models, tmp_path / "kitchen", "vlocnet")
    refused = stage.call(Trigger, "vlocnet/load_checkpoint")
    assert not refused.success
    assert "was built anew" in refused.message
    assert stage.status_now("vlocnet").values["streams"] == "pose, of the keyframe map"


def test_a_map_without_scale_is_refused_with_its_reason(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "hall", "vlocnet", "dmn", "context_map", scale=NOT_METRIC)
    for make_node, name, values in ((VlocnetNode, "vlocnet", {}), (DmnNode, "dmn", {"map_path": ""})):
        stage.start(make_node, active=False, autostart=False, **given(place, **values))
        assert not stage.client(name).change(CONFIGURE)
        assert stage.client(name).state() == "unconfigured"
        assert f"not metric (scale: {NOT_METRIC.source})" in stage.status_now(name).message


def test_a_damaged_place_is_refused_and_a_mended_one_taken(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen", "vlocnet")
    file = place.path / "place.yaml"
    whole = file.read_text()
    file.write_text(whole[:200])
    stage.start(VlocnetNode, active=False, autostart=False, **given(place))
    assert not stage.client("vlocnet").change(CONFIGURE)
    assert f"{file}: is not the complete JSON of a place" in stage.status_now("vlocnet").message
    file.write_text(whole)
    assert stage.client("vlocnet").change(CONFIGURE)


def test_dmn_takes_network_and_map_of_its_own(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen", "dmn", "context_map")
    node = stage.start(DmnNode, **given(place, map_path=""))
    assert len(node.localizer.context_map) == len(ContextMap.load(models / "map.safetensors"))


def test_dmn_has_the_general_network_where_the_place_has_none(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen", "context_map")
    node = stage.start(DmnNode, active=False, autostart=False, **given(place, map_path=""))
    assert not stage.client("dmn").change(CONFIGURE)  # the map is of another network
    assert "made with embedding network" in stage.status_now("dmn").message
    shutil.copy(shipped("models/apartment_map.safetensors"), place.path / "context_map.safetensors")
    assert stage.client("dmn").change(CONFIGURE)
    made_with = EARLIER_DMN[ContextMap.load(place.path / "context_map.safetensors").fingerprint]
    earlier, general = (load_network(shipped(file))[0].context_fingerprint() for file in (made_with, GENERAL_DMN))
    assert node.localizer.context_map.fingerprint == earlier != general


def test_the_map_is_saved_into_the_place_and_read_again(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen", "dmn", "context_map")
    stage.start(DmnNode, **given(place, map_path=""))
    file = place.path / "context_map.safetensors"
    file.unlink()
    saved = stage.call(Trigger, "dmn/save_map")
    assert saved.success, saved.message
    assert str(file) in saved.message
    assert stage.call(Trigger, "dmn/load_map").success
    place_with(models, place.path.with_name("new"), "context_map")  # built anew: in another map frame
    shutil.rmtree(place.path)
    place.path.with_name("new").rename(place.path)
    for service in ("save_map", "load_map"):
        refused = stage.call(Trigger, f"dmn/{service}")
        assert not refused.success
        assert "built anew" in refused.message


def test_another_frame_than_that_of_the_place_is_reported(
    stage: Stage, models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = place_with(models, tmp_path / "kitchen", "vlocnet")
    stage.start(VlocnetNode, **given(place, global_frame_id="floor_2"))
    assert f"{place.path} has frame 'map', poses are published in global_frame_id" in capfd.readouterr().err
