"""Tests of launch/localization.launch.py with real processes: namespace, parameters, topics, end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from launch_process import Launch, launch
from made_places import make_place
from rcl_interfaces.srv import GetParameters
from stage_robot import Robot
from waiting import wait_until

from localization_common.ros.lifecycle_client import LifecycleClient, call

pytest.importorskip("ros2launch", reason="ros2launch is not installed: launch files are tested with ROS 2's own tools")

NAMESPACE = "/fleet/robot_1"
pytestmark = pytest.mark.timeout(280)

PARAMETERS = """
/**:
  ros__parameters:
    base_frame_id: base_link
    threads: 1
    tf_mode: none
/**/dmn:
  ros__parameters:
    max_particles: 600
    checkpoint: /overridden/by/the/argument
    random_seed: 7
"""


@pytest.fixture
def arguments(models: Path, tmp_path: Path) -> dict[str, object]:
    """Launch arguments for the tiny networks."""
    params_file = tmp_path / "params.yaml"
    params_file.write_text(PARAMETERS)
    return {
        "namespace": NAMESPACE,
        "params_file": params_file,
        "checkpoint": models / "vlocnet.safetensors",
        "dmn_checkpoint": models / "dmn.safetensors",
        "context_map": models / "map.safetensors",
        "keyframe_map": models / "keyframes.safetensors",
    }


def parameters(robot: Robot, node: str, *names: str) -> list[Any]:
    """Values of parameters of a launched node, strings or numbers."""
    client = robot.node.create_client(GetParameters, f"{node}/get_parameters")
    values = call(client, GetParameters.Request(names=names), 60.0).values
    kinds = {1: "bool_value", 2: "integer_value", 3: "double_value", 4: "string_value"}
    return [getattr(value, kinds[value.type]) for value in values]


def response_of(request: Callable[[], str]) -> str:
    """Response of a node that is starting; empty if it does not respond in time."""
    try:
        return request()
    except TimeoutError:
        return ""


def await_active(robot: Robot) -> None:
    """Wait until both nodes have loaded their networks."""
    for name in ("vlocnet", "dmn"):
        assert LifecycleClient(robot.node, name).wait_until_active(120.0), name


def drive(robot: Robot) -> None:
    """Send three frames of a robot without wheel odometry; wait until both nodes have processed each."""
    robot.mount_camera()
    for index in range(3):
        stamp = robot.send(index, odometry=False)
        robot.await_processed("vlocnet", stamp)
        robot.await_processed("dmn", stamp)


def dmn_subscribes(robot: Robot, topic: str) -> bool:
    """Return True if dmn subscribes to a topic, from the ROS graph."""
    found = robot.node.get_subscriptions_info_by_topic(f"{NAMESPACE}/{topic}")
    return "dmn" in {info.node_name for info in found}


def subscribed(robot: Robot, node: str) -> set[str]:
    """Topics that a launched node subscribes to, from the ROS graph."""
    found = robot.node.get_subscriber_names_and_types_by_node(node, NAMESPACE)
    return {topic for topic, _ in found}


def assert_ended_well(launched: Launch, *, processes: int) -> None:
    """Check that Ctrl-C ends all processes without a traceback, and that no file or process remains."""
    output = launched.end()
    assert output.count("process has finished cleanly") == processes, output
    assert "Traceback" not in output, output
    assert list(launched.temporary.iterdir()) == []
    assert not launched.alive()


def test_two_processes(robot: Robot, arguments: dict[str, object], models: Path, tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, **arguments) as launched:
        await_active(robot)
        drive(robot)  # dmn processes images only with odometry: that of vlocnet, by the remapping of the launch file
        assert dmn_subscribes(robot, "vlocnet/pose")
        assert not dmn_subscribes(robot, "proposal")
        assert f"{NAMESPACE}/dmn/pose" in subscribed(robot, "vlocnet")
        # Launch arguments override params_file, which overrides the shipped files.
        names = ("checkpoint", "map_path", "max_particles", "random_seed", "base_frame_id", "tf_mode")
        files = [str(models / "dmn.safetensors"), str(models / "map.safetensors")]
        assert parameters(robot, "dmn", *names) == [*files, 600, 7, "base_link", "none"]
        files = [str(models / "vlocnet.safetensors"), str(models / "keyframes.safetensors")]
        assert parameters(robot, "vlocnet", "checkpoint", "keyframe_map", "refine", "tf_mode") == [*files, True, "none"]
        assert_ended_well(launched, processes=2)


def place_of(models: Path, path: Path) -> Path:
    """Place with the tiny networks and maps."""
    make_place(path)
    for part, name in {"vlocnet": "vlocnet", "dmn": "dmn", "context_map": "map", "keyframes": "keyframes"}.items():
        shutil.copy(models / f"{name}.safetensors", path / f"{part}.safetensors")
    return path


@pytest.mark.parametrize("composed", [False, True])
def test_a_place_counts_more_than_the_shipped_networks(
    robot: Robot, arguments: dict[str, object], models: Path, tmp_path: Path, composed: bool
) -> None:
    place = place_of(models, tmp_path / "kitchen")
    params_file = tmp_path / "frames.yaml"
    params_file.write_text("/**: {ros__parameters: {base_frame_id: base_link, threads: 1}}")
    given = {"namespace": NAMESPACE, "params_file": params_file, "place": place, "composed": composed}
    with launch("localization.launch.py", tmp_path, **given) as launched:
        await_active(robot)
        drive(robot)
        assert parameters(robot, "vlocnet", "place", "checkpoint", "keyframe_map") == [str(place), "", ""]
        assert parameters(robot, "dmn", "place", "checkpoint", "map_path", "tf_mode") == [str(place), "", "", "none"]
        assert_ended_well(launched, processes=1 if composed else 2)


def test_a_place_in_params_file_counts_more_than_the_shipped_networks_but_not_than_arguments(
    robot: Robot, models: Path, tmp_path: Path
) -> None:
    place = place_of(models, tmp_path / "kitchen")
    params_file = tmp_path / "place.yaml"
    params_file.write_text(f"/**: {{ros__parameters: {{base_frame_id: base_link, threads: 1, place: {place}}}}}")
    checkpoint = models / "vlocnet.safetensors"
    given = {"namespace": NAMESPACE, "params_file": params_file, "checkpoint": checkpoint}
    with launch("localization.launch.py", tmp_path, **given) as launched:
        await_active(robot)
        assert parameters(robot, "vlocnet", "place", "checkpoint") == [str(place), str(checkpoint)]
        assert parameters(robot, "dmn", "place", "checkpoint", "map_path") == [str(place), "", ""]
        assert_ended_well(launched, processes=2)


def test_without_a_network_both_nodes_take_the_robots_odometry(
    robot: Robot, arguments: dict[str, object], tmp_path: Path
) -> None:
    given = {**arguments, "checkpoint": "none", "guess": "none"}
    with launch("localization.launch.py", tmp_path, **given) as launched:
        await_active(robot)
        assert parameters(robot, "vlocnet", "checkpoint") == [""]
        for name in ("vlocnet", "dmn"):
            assert f"{NAMESPACE}/odom" in subscribed(robot, name)
        assert f"{NAMESPACE}/guess" in subscribed(robot, "vlocnet")
        assert_ended_well(launched, processes=2)


def test_one_process(robot: Robot, arguments: dict[str, object], models: Path, tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, **arguments, composed=True) as launched:
        await_active(robot)
        drive(robot)
        assert dmn_subscribes(robot, "vlocnet/pose")
        assert parameters(robot, "vlocnet", "checkpoint", "threads") == [str(models / "vlocnet.safetensors"), 1]
        assert parameters(robot, "dmn", "checkpoint", "map_path") == [
            str(models / "dmn.safetensors"),
            str(models / "map.safetensors"),
        ]
        assert_ended_well(launched, processes=1)


def test_managed(robot: Robot, arguments: dict[str, object], tmp_path: Path) -> None:
    given = {**arguments, "context_map": "/no/such.map", "autostart": False, "proposal": "none"}
    given |= {"image": "/camera/color/image_raw/compressed", "odom": "/odom", "base_frame_id": "chassis"}
    with launch("localization.launch.py", tmp_path, **given) as launched:
        dmn, vlocnet = LifecycleClient(robot.node, "dmn"), LifecycleClient(robot.node, "vlocnet")
        assert wait_until(lambda: {response_of(dmn.state), response_of(vlocnet.state)} == {"unconfigured"}, 120.0)
        assert wait_until(lambda: dmn_subscribes(robot, "proposal"), 20.0)
        assert not dmn_subscribes(robot, "vlocnet/pose")
        camera = {"/camera/color/image_raw/compressed", "/camera/color/camera_info"}
        assert camera <= subscribed(robot, "vlocnet")
        assert camera | {"/odom"} <= subscribed(robot, "dmn")
        for name in ("vlocnet", "dmn"):
            assert parameters(robot, name, "base_frame_id", "image_transport") == ["chassis", "compressed"]
        assert not dmn.change(1), "a missing map must not load"
        assert dmn.state() == "unconfigured"
        assert_ended_well(launched, processes=2)
    assert "calibration from /camera/color/camera_info, beside the image" in launched.output()


@pytest.mark.skipif(find_spec("rerun") is not None, reason="rerun-sdk is installed")
def test_without_rerun_the_other_nodes_go_on(robot: Robot, arguments: dict[str, object], tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, **arguments, rerun=True) as launched:
        assert wait_until(lambda: "rerun_viewer-3]: process has died" in launched.output(), 120.0)
        await_active(robot)
        drive(robot)
        output = launched.end()
    assert "pip install 'rerun-sdk" in output
    assert output.count("process has finished cleanly") == 2, output


def test_a_wrong_topic_ends_the_launch_with_one_message(ros_domain: int, tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, image="/camera/image raw") as launched:
        assert launched.process.wait(60.0) == 1
    assert "image:=/camera/image raw is not the name of a topic" in launched.output()
    assert "Traceback" not in launched.output()


def test_demo_ends_at_ctrl_c(ros_domain: int, tmp_path: Path) -> None:
    with launch("demo.launch.py", tmp_path) as launched:
        assert wait_until(lambda: "driving 'test'" in launched.output(), 120.0)
        assert_ended_well(launched, processes=3)
