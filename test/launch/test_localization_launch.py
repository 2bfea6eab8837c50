"""launch/localization.launch.py, run for real: processes, namespace, parameters, topics, end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rcl_interfaces.srv import GetParameters
from robot_stage import Robot, wait_until

from localization_common.ros.lifecycle_client import LifecycleClient, call

launch_pytest = pytest.importorskip(
    "launch_pytest", reason="launch_pytest is not installed: launch files are tested where ROS 2 itself is sourced"
)
from launch import LaunchContext, LaunchDescription  # noqa: E402
from launch.actions import IncludeLaunchDescription, RegisterEventHandler  # noqa: E402
from launch.event_handlers import OnProcessExit  # noqa: E402
from launch.events.process import ProcessExited  # noqa: E402

NAMESPACE = "/fleet/robot_1"
pytestmark = pytest.mark.timeout(280)
LAUNCH_FILE = Path(__file__).resolve().parents[2] / "launch" / "localization.launch.py"

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


class Launched:
    """A launch description of our file, and how its processes ended."""

    def __init__(self, **arguments: object) -> None:
        self.exit_codes: list[int] = []
        words = {name: str(value) for name, value in arguments.items()}
        words["sigterm_timeout"] = "60"  # launch's own 5 seconds are too few for torch to end on a busy machine
        self.description = LaunchDescription(
            [
                RegisterEventHandler(OnProcessExit(on_exit=self._on_exit)),
                IncludeLaunchDescription(str(LAUNCH_FILE), launch_arguments=words.items()),
            ]
        )

    def _on_exit(self, event: ProcessExited, context: LaunchContext) -> None:
        self.exit_codes.append(event.returncode)


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


@launch_pytest.fixture
def two_processes(ros_domain: int, arguments: dict[str, object]) -> tuple[LaunchDescription, Launched]:
    """As most users launch it."""
    launched = Launched(**arguments)
    return launched.description, launched


@launch_pytest.fixture
def one_process(ros_domain: int, arguments: dict[str, object]) -> tuple[LaunchDescription, Launched]:
    """Both nodes in one process."""
    launched = Launched(**arguments, composed=True)
    return launched.description, launched


@launch_pytest.fixture
def managed(ros_domain: int, arguments: dict[str, object]) -> tuple[LaunchDescription, Launched]:
    """For a lifecycle manager, with a map that does not exist, and without proposals of vlocnet."""
    launched = Launched(**{**arguments, "map": "/no/such.map"}, autostart=False, proposal="")
    return launched.description, launched


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


@pytest.mark.launch(fixture=two_processes)
def test_two_processes(two_processes: tuple[Any, Launched], robot: Robot, models: Path) -> Iterator[None]:
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
    yield
    assert two_processes[1].exit_codes == [0, 0]


@pytest.mark.launch(fixture=one_process)
def test_one_process(one_process: tuple[Any, Launched], robot: Robot, models: Path) -> Iterator[None]:
    await_active(robot)
    drive(robot)
    assert hears(robot, "vlocnet/pose")
    assert parameters(robot, "vlocnet", "checkpoint", "threads") == [str(models / "vlocnet.safetensors"), 1]
    assert parameters(robot, "dmn", "checkpoint", "map_path") == [
        str(models / "dmn.safetensors"),
        str(models / "map.safetensors"),
    ]
    yield
    assert one_process[1].exit_codes == [0]


@pytest.mark.launch(fixture=managed)
def test_managed(managed: tuple[Any, Launched], robot: Robot) -> Iterator[None]:
    dmn, vlocnet = LifecycleClient(robot.node, "dmn"), LifecycleClient(robot.node, "vlocnet")
    assert wait_until(lambda: {await_answer(dmn.state), await_answer(vlocnet.state)} == {"unconfigured"}, 120.0)
    assert wait_until(lambda: hears(robot, "proposal"), 20.0)
    assert not hears(robot, "vlocnet/pose")
    assert not dmn.change(1), "a missing map must not load"
    assert dmn.state() == "unconfigured"
    assert managed[1].exit_codes == [], "the process must outlive the failed transition"
    yield
    assert managed[1].exit_codes == [0, 0]
