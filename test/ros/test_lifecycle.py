"""Tests of transitions: by service, by autostart, and failing ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from robot_stage import Stage

from dmn_ros.node import DmnNode
from localization_common.ros.lifecycle_client import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE
from vlocnet_ros.node import VlocnetNode


def missing(models: Path, path: Path) -> str:
    return "no such file"


def truncated(models: Path, path: Path) -> str:
    whole = (models / path.name).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return "not a complete safetensors file"


def not_tensors(models: Path, path: Path) -> str:
    path.write_text("weights")
    return "not a complete safetensors file"


def foreign(models: Path, path: Path) -> str:
    other = "dmn.safetensors" if path.name != "dmn.safetensors" else "vlocnet.safetensors"
    shutil.copy(models / other, path)
    return "holds"


@pytest.mark.parametrize("damage", [missing, truncated, not_tensors, foreign])
@pytest.mark.parametrize(
    ("make_node", "parameter", "file"),
    [
        (VlocnetNode, "checkpoint", "vlocnet.safetensors"),
        (VlocnetNode, "keyframe_map", "keyframes.safetensors"),
        (DmnNode, "checkpoint", "dmn.safetensors"),
        (DmnNode, "map_path", "map.safetensors"),
    ],
    ids=["vlocnet checkpoint", "keyframe map", "dmn checkpoint", "dmn map"],
)
def test_configure_fails_with_file_and_reason_and_can_be_repeated(
    stage: Stage, models: Path, tmp_path: Path, make_node: Any, parameter: str, file: str, damage: Any
) -> None:
    path = tmp_path / file
    reason = damage(models, path)
    node = stage.start(make_node, active=False, autostart=False, **{parameter: str(path)})
    client = stage.client(node.get_name())
    assert not client.change(CONFIGURE)
    assert client.state() == "unconfigured"
    status = stage.status_now(node.get_name())
    assert str(path) in status.message
    assert reason in status.message
    assert status.level == 2
    shutil.copy(models / file, path)
    assert client.change(CONFIGURE)
    assert client.state() == "inactive"


def test_a_map_of_another_network_is_refused(stage: Stage, models: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from dmn_ros.map.context_map import ContextMap

    path = tmp_path / "map.safetensors"
    replace(ContextMap.load(models / "map.safetensors"), fingerprint="another").save(path)
    stage.start(DmnNode, active=False, autostart=False, map_path=str(path))
    assert not stage.client("dmn").change(CONFIGURE)
    assert f"{path}: made with embedding network another" in stage.status_now("dmn").message


def test_after_a_failed_autostart_the_node_accepts_another_checkpoint(stage: Stage, models: Path) -> None:
    stage.start(VlocnetNode, active=False, checkpoint="/nowhere/at/all.safetensors")
    status = stage.robot.await_status("vlocnet", lambda s: "configure failed" in s.message)
    assert "/nowhere/at/all.safetensors" in status.message
    assert stage.parameters_set("vlocnet", checkpoint=str(models / "vlocnet.safetensors")) == ""
    client = stage.client("vlocnet")
    assert client.change(CONFIGURE)
    assert client.change(ACTIVATE)
    stage.robot.mount_camera()
    stage.robot.await_processed("vlocnet", stage.robot.send(0))


@pytest.mark.parametrize("make_node", [VlocnetNode, DmnNode])
def test_whole_circle_by_services_twice(stage: Stage, make_node: Any) -> None:
    node = stage.start(make_node, active=False, autostart=False)
    name = node.get_name()
    client = stage.client(name)
    stage.robot.mount_camera()
    assert client.state() == "unconfigured"
    for round_number in range(2):
        assert client.change(CONFIGURE)
        assert client.change(ACTIVATE)
        assert client.state() == "active"
        stage.robot.await_processed(name, stage.robot.send(round_number))
        assert client.change(DEACTIVATE)
        assert client.state() == "inactive"
        assert client.change(CLEANUP)
        assert client.state() == "unconfigured"
        assert node._localizer is None  # the weights are freed


def test_an_inactive_node_uses_no_images(stage: Stage) -> None:
    node = stage.start(VlocnetNode)
    stage.robot.mount_camera()
    assert stage.client("vlocnet").change(DEACTIVATE)
    stage.robot.send(0)
    assert stage.client("vlocnet").change(ACTIVATE)
    stage.robot.await_processed("vlocnet", stage.robot.send(1))
    assert node.frames.received == 1


def test_an_impossible_transition_is_refused_and_ends_nothing(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.start(VlocnetNode)
    client = stage.client("vlocnet")
    for transition in (CONFIGURE, CLEANUP, 0, 99, 250, CONFIGURE, CLEANUP):
        assert not client.change(transition)
    assert client.state() == "active"
    log = capfd.readouterr().err
    assert "transition 1 is not possible now; possible: deactivate, shutdown" in log
    assert "No transition matching" not in log, log  # of rcl, for each request


def test_a_missing_device_is_refused(stage: Stage) -> None:
    stage.start(VlocnetNode, active=False, autostart=False, device="abacus")
    assert not stage.client("vlocnet").change(CONFIGURE)
    assert "abacus" in stage.status_now("vlocnet").message


def test_an_empty_checkpoint_parameter_is_reported(stage: Stage) -> None:
    stage.start(VlocnetNode, active=False, autostart=False, checkpoint="")
    assert not stage.client("vlocnet").change(CONFIGURE)
    assert (
        "no checkpoint and no keyframe map: set parameter checkpoint or keyframe_map"
        in stage.status_now("vlocnet").message
    )
