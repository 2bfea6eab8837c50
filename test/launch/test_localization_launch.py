"""launch/localization.launch.py, run for real: processes, namespace, parameters, topics, end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launch_process import Launch, launch
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
    """Launch arguments that the tiny networks need."""
    params_file = tmp_path / "params.yaml"
    params_file.write_text(PARAMETERS)
    return {
        "namespace": NAMESPACE,
        "params_file": params_file,
        "checkpoint": models / "vlocnet.safetensors",
        "dmn_checkpoint": models / "dmn.safetensors",
        "map": models / "map.safetensors",
        "keyframe_map": models / "keyframes.safetensors",
    }


def parameters(robot: Robot, node: str, *names: str) -> list[Any]:
    """Values of parameters of a launched node, strings or numbers."""
    client = robot.node.create_client(GetParameters, f"{node}/get_parameters")
    values = call(client, GetParameters.Request(names=names), 60.0).values
    kinds = {1: "bool_value", 2: "integer_value", 3: "double_value", 4: "string_value"}
    return [getattr(value, kinds[value.type]) for value in values]


def await_answer(question: Callable[[], str]) -> str:
    """The answer of a node that is about to start; empty as long as there is none."""
    try:
        return question()
    except TimeoutError:
        return ""


def await_active(robot: Robot) -> None:
    """Both nodes have loaded their networks."""
    for name in ("vlocnet", "dmn"):
        assert LifecycleClient(robot.node, name).wait_until_active(120.0), name


def drive(robot: Robot) -> None:
    """Three frames of a robot without wheel odometry, each dealt with by both nodes."""
    robot.mount_camera()
    for index in range(3):
        stamp = robot.send(index, odometry=False)
        robot.await_processed("vlocnet", stamp)
        robot.await_processed("dmn", stamp)


def hears(robot: Robot, topic: str) -> bool:
    """Whether dmn subscribes to a topic, by the graph."""
    found = robot.node.get_subscriptions_info_by_topic(f"{NAMESPACE}/{topic}")
    return "dmn" in {info.node_name for info in found}


def heard(robot: Robot, node: str) -> set[str]:
    """Topics outside of the node's own services that a launched node subscribes to, by the graph."""
    found = robot.node.get_subscriber_names_and_types_by_node(node, NAMESPACE)
    return {topic for topic, _ in found}


def assert_ended_well(launched: Launch, *, processes: int) -> None:
    """Ctrl-C ends all processes without a word of Python's, and nothing stays behind."""
    output = launched.end()
    assert output.count("process has finished cleanly") == processes, output
    assert "Traceback" not in output, output
    assert list(launched.temporary.iterdir()) == []
    assert not launched.alive()


def test_two_processes(robot: Robot, arguments: dict[str, object], models: Path, tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, **arguments) as launched:
        await_active(robot)
        drive(robot)  # dmn deals with images only when odometry reaches it: vlocnet's, by the launch file's remapping
        assert hears(robot, "vlocnet/pose")
        assert not hears(robot, "proposal")
        # Launch arguments win over params_file, that wins over the shipped files.
        names = ("checkpoint", "map_path", "max_particles", "random_seed", "base_frame_id", "tf_mode")
        files = [str(models / "dmn.safetensors"), str(models / "map.safetensors")]
        assert parameters(robot, "dmn", *names) == [*files, 600, 7, "base_link", "none"]
        files = [str(models / "vlocnet.safetensors"), str(models / "keyframes.safetensors")]
        assert parameters(robot, "vlocnet", "checkpoint", "keyframe_map", "refine", "tf_mode") == [*files, True, "none"]
        assert_ended_well(launched, processes=2)


def test_one_process(robot: Robot, arguments: dict[str, object], models: Path, tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, **arguments, composed=True) as launched:
        await_active(robot)
        drive(robot)
        assert hears(robot, "vlocnet/pose")
        assert parameters(robot, "vlocnet", "checkpoint", "threads") == [str(models / "vlocnet.safetensors"), 1]
        assert parameters(robot, "dmn", "checkpoint", "map_path") == [
            str(models / "dmn.safetensors"),
            str(models / "map.safetensors"),
        ]
        assert_ended_well(launched, processes=1)


def test_managed(robot: Robot, arguments: dict[str, object], tmp_path: Path) -> None:
    given = {**arguments, "map": "/no/such.map", "autostart": False, "proposal": "none"}
    given |= {"image": "/camera/color/image_raw/compressed", "odom": "/odom", "base_frame_id": "chassis"}
    with launch("localization.launch.py", tmp_path, **given) as launched:
        dmn, vlocnet = LifecycleClient(robot.node, "dmn"), LifecycleClient(robot.node, "vlocnet")
        assert wait_until(lambda: {await_answer(dmn.state), await_answer(vlocnet.state)} == {"unconfigured"}, 120.0)
        assert wait_until(lambda: hears(robot, "proposal"), 20.0)
        assert not hears(robot, "vlocnet/pose")
        camera = {"/camera/color/image_raw/compressed", "/camera/color/camera_info"}
        assert camera <= heard(robot, "vlocnet")
        assert camera | {"/odom"} <= heard(robot, "dmn")
        for name in ("vlocnet", "dmn"):
            assert parameters(robot, name, "base_frame_id", "image_transport") == ["chassis", "compressed"]
        assert not dmn.change(1), "a missing map must not load"
        assert dmn.state() == "unconfigured"
        assert_ended_well(launched, processes=2)
    assert "calibration from /camera/color/camera_info, beside the image" in launched.output()


def test_a_wrong_topic_ends_the_launch_with_one_sentence(ros_domain: int, tmp_path: Path) -> None:
    with launch("localization.launch.py", tmp_path, image="/camera/image raw") as launched:
        assert launched.process.wait(60.0) == 1
    assert "image:=/camera/image raw is not the name of a topic" in launched.output()
    assert "Traceback" not in launched.output()


def test_demo_ends_at_ctrl_c(ros_domain: int, tmp_path: Path) -> None:
    with launch("demo.launch.py", tmp_path) as launched:
        assert wait_until(lambda: "driving 'test'" in launched.output(), 120.0)
        assert_ended_well(launched, processes=3)
