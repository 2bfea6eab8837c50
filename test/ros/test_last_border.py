"""Tests of the last border: whatever is wrong inside, no NaN reaches a message, and /diagnostics has the reason."""

from __future__ import annotations

import math
import queue
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from robot_stage import Stage
from stage_robot import FIRST, PERIOD
from waiting import RawListener, wait_until

from dmn_ros.map.context_map import ContextMap
from dmn_ros.node import DmnNode
from localization_common.errors import EstimateError
from localization_common.ros import estimate_checks
from localization_common.ros.odometry_output import OdometryOutput
from vlocnet_ros.node import VlocnetNode

NODES: dict[str, Any] = {"vlocnet": VlocnetNode, "dmn": DmnNode}
#: Values that let a random network publish.
EAGER = {"vlocnet": {}, "dmn": {"localized_share": 1e-9, "localized_images": 1}}


def enlarged(models: Path, folder: Path, name: str, part: str, value: float) -> Path:
    """Copy of a checkpoint whose tensors of one part are filled with a number."""
    path = folder / f"{name}.safetensors"
    with safetensors.safe_open(models / path.name, framework="pt") as file:
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - not a mapping
        metadata = file.metadata()
    chosen = [key for key in tensors if part in key and tensors[key].is_floating_point()]
    assert chosen, f"no tensor of {name} has {part} in its name"
    for key in chosen:
        tensors[key].fill_(min(value, torch.finfo(tensors[key].dtype).max))
    safetensors.torch.save_file(tensors, path, metadata)
    return path


def listen_to_all(stage: Stage, node: Any) -> list[RawListener]:
    """Listen to every topic that a node publishes."""
    publishers = [one for one in node.publishers if "transition_event" not in one.topic_name]
    listeners = [RawListener(stage.robot.node, one.msg_type, one.topic_name) for one in publishers]
    assert wait_until(lambda: all(one.get_subscription_count() > 0 for one in publishers))
    return listeners


def floats_in(message: Any) -> list[float]:
    """All floating-point numbers in a message and in its parts."""
    if isinstance(message, float):
        return [message]
    if isinstance(message, np.ndarray):
        return [float(value) for value in message] if message.dtype.kind == "f" else []
    if isinstance(message, list | tuple):
        return [value for part in message for value in floats_in(part)]
    fields = getattr(message, "get_fields_and_field_types", None)
    return [] if fields is None else [value for name in fields() for value in floats_in(getattr(message, name))]


def drain(listeners: list[RawListener]) -> list[Any]:
    """Take the messages that have arrived."""
    found = []
    for listener in listeners:
        while True:
            try:
                found.append(listener.messages.get_nowait())
            except queue.Empty:
                break
    return found


@pytest.mark.parametrize(
    ("name", "part", "reason"),
    [
        ("vlocnet", "pose.regressor", "of the network holds NaN or infinity"),
        ("vlocnet", "odometry", "of the network holds NaN or infinity"),
        ("vlocnet", "segmentation", "the network's result is no pose|of the network holds NaN or infinity"),
        ("dmn", "query_embedding", "the likelihoods of the image hold NaN or infinity"),
    ],
)
def test_weights_that_overflow_reach_no_message(
    stage: Stage, models: Path, tmp_path: Path, name: str, part: str, reason: str
) -> None:
    checkpoint = enlarged(models, tmp_path, name, part, 3e38)
    node = stage.start(NODES[name], process_all=True, checkpoint=str(checkpoint), tf_mode="map_base", **EAGER[name])
    listeners = listen_to_all(stage, node)
    stage.robot.mount_camera()
    for number in range(3):
        stage.robot.await_processed(name, stage.robot.send(number))
    status = stage.status_now(name)
    assert re.search(reason, status.message), status.message
    assert status.level == 2
    messages = drain(listeners)
    assert any(type(message).__name__ == "Header" for message in messages), "the listeners hear nothing"
    assert all(math.isfinite(value) for message in messages for value in floats_in(message))
    assert stage.robot.recorder.count(f"{name}/pose") == 0
    assert stage.robot.transforms_of("map") == []


@pytest.mark.parametrize("name", NODES)
def test_everything_that_a_good_network_publishes_is_finite(stage: Stage, name: str) -> None:
    """Test that the listeners of the other tests hear poses, particles and images."""
    node = stage.start(NODES[name], process_all=True, tf_mode="map_base", **EAGER[name])
    listeners = listen_to_all(stage, node)
    stage.robot.mount_camera()
    for number in range(3):
        stage.robot.await_processed(name, stage.robot.send(number))
    assert wait_until(lambda: len(stage.robot.transforms_of("map")) > 0)
    messages = drain(listeners)
    assert {"PoseWithCovarianceStamped", "TFMessage", "Image" if name == "vlocnet" else "MarkerArray"} <= {
        type(message).__name__ for message in messages
    }
    values = [value for message in messages for value in floats_in(message)]
    assert len(values) > 100
    assert all(map(math.isfinite, values))


@pytest.mark.parametrize("name", NODES)
def test_a_weight_that_is_not_a_number_is_refused_when_it_is_loaded(
    stage: Stage, models: Path, tmp_path: Path, name: str
) -> None:
    checkpoint = enlarged(models, tmp_path, name, "embedding" if name == "dmn" else "regressor", math.nan)
    stage.start(NODES[name], active=False, checkpoint=str(checkpoint))
    assert wait_until(lambda: "NaN or infinite numbers" in stage.status_now(name).message)
    assert str(checkpoint) in stage.status_now(name).message


def test_a_map_far_from_its_origin_is_used_with_finite_numbers(stage: Stage, models: Path, tmp_path: Path) -> None:
    """Test a map at the border of what a file may have."""
    near = ContextMap.load(models / "map.safetensors")
    away = np.array([9.9e6, -9.9e6, 0.0])
    bounds = tuple(float(bound + away[i % 2]) for i, bound in enumerate(near.bounds))
    far = ContextMap(near.features, near.poses + away, bounds, near.scale, near.frame_id, near.fingerprint)  # type: ignore[arg-type]
    far.save(tmp_path / "far.safetensors")
    node = stage.start(DmnNode, process_all=True, map_path=str(tmp_path / "far.safetensors"), **EAGER["dmn"])
    listeners = listen_to_all(stage, node)
    stage.robot.mount_camera()
    for number in range(2):
        stage.robot.await_processed("dmn", stage.robot.send(number))
    messages = drain(listeners)
    assert any(type(message).__name__ == "PoseArray" for message in messages)
    assert all(math.isfinite(value) for message in messages for value in floats_in(message))


def test_particles_views_and_transforms_that_are_no_numbers_are_withheld_with_a_reason(stage: Stage) -> None:
    node = stage.start(DmnNode, process_all=True)
    listeners = listen_to_all(stage, node)
    drain(listeners)
    poses, weights = np.full((5, 3), np.nan), np.full(5, 0.2)
    bounds = (-1.0, -1.0, 1.0, 1.0)
    node._shown.publish(FIRST, poses, weights, most=5, bounds=bounds, cell=0.1)
    node._shown.publish_views(poses)
    node.transforms.send("map", "odom", np.full((4, 4), np.nan), FIRST)
    text = stage.status_now("dmn").message
    assert "particles: 5 of 5 are not published" in text
    assert "views of the map: 5 of 5 are not published" in text
    assert "transform map -> odom is not published: it is not finite" in text
    assert all(math.isfinite(value) for message in drain(listeners) for value in floats_in(message))
    node._shown.publish(FIRST, np.zeros((5, 3)), weights, most=5, bounds=bounds, cell=0.1)
    node.transforms.send("map", "odom", np.eye(4), FIRST)
    text = stage.status_now("dmn").message
    assert "particles" not in text
    assert "transform map -> odom" not in text


def test_odometry_of_an_impossible_speed_is_withheld(stage: Stage) -> None:
    """Test a motion of a metre between two stamps that are a nanosecond apart."""
    node = stage.start(VlocnetNode, process_all=True)
    output = OdometryOutput(node, lambda: False)
    motion = np.eye(4)
    motion[0, 3] = 1.0
    output.publish(FIRST, None, None, np.eye(4))
    output.publish(FIRST + 1, motion, np.eye(6) * 1e-4, np.eye(4))
    assert "odometry is not published: its velocity is [" in stage.status_now("vlocnet").message
    output.publish(FIRST + PERIOD, motion, np.eye(6) * 1e-4, np.eye(4))
    assert "odometry is not published" not in stage.status_now("vlocnet").message


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda: estimate_checks.require_pose("pose", np.zeros((4, 4))), "its rotation is none"),
        (lambda: estimate_checks.require_covariance("pose", 1e15 * np.eye(6)), "has the number 1.0e[+]15"),
        (lambda: estimate_checks.require_twist("odometry", np.full(6, np.inf), np.eye(6)), "its velocity is"),
        (lambda: estimate_checks.require_planar("particles", np.zeros((2, 3)), np.zeros(2)), "their weights"),
        (lambda: estimate_checks.require_planar("particles", np.full((2, 3), 1e8)), "2 of 2 are not published"),
        (lambda: estimate_checks.require_finite("explanation", np.array([1.0, np.nan])), "1 of 2 values"),
    ],
    ids=["rotation", "covariance", "velocity", "weights", "far", "pixels"],
)
def test_impossible_results_are_refused(check: Callable[[], None], reason: str) -> None:
    with pytest.raises(EstimateError, match=reason):
        check()
