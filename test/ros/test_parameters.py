"""Tests of parameters from dataclasses on a real rclpy node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from robot_stage import Stage, overrides

from dmn_ros.node import DmnNode
from dmn_ros.settings import DmnSettings
from localization_common.errors import ConfigError
from localization_common.ros.parameter_fields import ALWAYS, START, declarations, detail, parameter, parameters_of
from localization_common.ros.parameters import Parameters
from localization_sim.settings import ApartmentCameraSettings
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.settings import VlocnetSettings


@dataclass(frozen=True)
class Inner:
    """Dataclass without metadata of ROS.

    Attributes:
        low, high: two bounds,
            of something.
        k1..k3: three factors.
    """

    low: int = 1
    high: int = 5
    k1: float = 0.1
    k2: float = 0.2
    k3: float = 0.3

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError(f"low {self.low} must not exceed high {self.high}")


@dataclass(frozen=True)
class Outer:
    """Parameters of a test node."""

    speed: float = parameter(1.0, "Metres a second.", minimum=0.0, maximum=2.0, when=ALWAYS)
    mode: str = parameter("walk", "How to move.", choices=("walk", "run"), when=ALWAYS)
    file: str = parameter("", "Read by configure.")
    port: int = parameter(7, "Read at start.", minimum=1, when=START)
    dotted: Inner = parameters_of(Inner, flat=False)  # noqa: RUF009 - makes a field
    flat: Inner = parameters_of(Inner, flat=True, details={"k1": detail("The first.", 0.0, 1.0)})  # noqa: RUF009


@pytest.fixture
def nodes(context: Context) -> Iterator[Any]:
    made = []

    def make(**values: Any) -> Node:
        made.append(Node("test", context=context, parameter_overrides=overrides(**values)))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()


def set_to(node: Node, name: str, value: Any) -> str:
    result = node.set_parameters([Parameter(name, value=value)])[0]
    return "" if result.successful else result.reason


def test_values_come_from_overrides_and_defaults(nodes: Any) -> None:
    value = Parameters(nodes(speed=0.5, dotted__low=2, k2=0.9), Outer).value
    assert (value.speed, value.mode, value.dotted.low, value.flat.low, value.flat.k2) == (0.5, "walk", 2, 1, 0.9)


def test_descriptions_ranges_and_choices_are_declared(nodes: Any) -> None:
    node = nodes()
    Parameters(node, Outer)
    speed = node.describe_parameter("speed")
    assert speed.description == "Metres a second."
    assert (speed.floating_point_range[0].from_value, speed.floating_point_range[0].to_value) == (0.0, 2.0)
    assert node.describe_parameter("mode").additional_constraints == "walk | run"
    assert node.describe_parameter("port").read_only
    assert node.describe_parameter("dotted.high").description == "two bounds, of something."
    sentences = [node.describe_parameter(k).description for k in ("k1", "k2", "k3")]
    assert sentences == ["The first.", "three factors.", "three factors."]
    assert node.describe_parameter("k1").floating_point_range[0].to_value == 1.0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"speed": 3.0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"mode": "fly"}, "mode is 'fly'; it must be one of walk, run"),
        ({"port": 0}, "port"),
        ({"dotted__low": 9}, "low 9 must not exceed high 5"),
        ({"k1": -1.0}, "k1"),
    ],
)
def test_wrong_values_at_start_are_refused(nodes: Any, values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Parameters(nodes(**values), Outer)
    assert reason in str(refusal.value)


def test_changes_while_running(nodes: Any) -> None:
    node, configured = nodes(), [False]
    parameters = Parameters(node, Outer, configured=lambda: configured[0])
    assert set_to(node, "speed", 1.5) == ""
    assert parameters.value.speed == 1.5
    assert "out of range" in set_to(node, "speed", 2.5)
    assert "must be one of walk, run" in set_to(node, "mode", "fly")
    assert "low 9 must not exceed high 5" in set_to(node, "dotted.low", 9)
    assert "read-only" in set_to(node, "port", 8)
    assert set_to(node, "file", "a") == ""
    configured[0] = True
    assert "file is read by configure" in set_to(node, "file", "b")
    value = parameters.value
    assert (value.speed, value.mode, value.file, value.dotted.low, value.port) == (1.5, "walk", "a", 1, 7)


@pytest.mark.parametrize("settings", [VlocnetSettings, DmnSettings])
def test_every_parameter_of_the_nodes_has_a_sentence_and_every_count_a_range(settings: type[Any]) -> None:
    names = [d.name for d in declarations(settings)]
    assert len(names) == len(set(names))
    for declaration in declarations(settings):
        assert declaration.metadata["sentence"].endswith("."), declaration.name
        if type(declaration.default) is int:
            assert declaration.metadata["minimum"] is not None, declaration.name


@pytest.mark.parametrize("settings", [VlocnetSettings, DmnSettings, ApartmentCameraSettings])
def test_the_reference_lists_every_parameter_with_its_default_and_meaning(settings: type[Any]) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text()
    for declaration in declarations(settings):
        default = declaration.default
        shown = (
            str(default).lower()
            if isinstance(default, bool)
            else f'"{default}"'
            if isinstance(default, str)
            else default
        )
        row = f"| `{declaration.name}` | {type(default).__name__} | `{shown}` |"
        lines = [line for line in text.splitlines() if line.startswith(row)]  # two nodes may have the same name in use
        assert any(declaration.metadata["sentence"] in line for line in lines), row


def test_nodes_refuse_by_service_with_a_reason(stage: Stage) -> None:
    stage.start(VlocnetNode)
    assert "read by configure" in stage.parameters_set("vlocnet", keyframe_map="other")
    assert "must be one of map_odom, map_base, none" in stage.parameters_set("vlocnet", tf_mode="sideways")
    assert "out of range" in stage.parameters_set("vlocnet", transform_tolerance=-1.0)
    assert "read-only" in stage.parameters_set("vlocnet", process_all=True)
    assert stage.parameters_set("vlocnet", transform_tolerance=0.25) == ""


@pytest.mark.parametrize(
    ("make_node", "values", "reason"),
    [
        (VlocnetNode, {"tf_mode": "sideways"}, "must be one of"),
        (VlocnetNode, {"odom_frame_id": "map"}, "frames must differ"),
        (VlocnetNode, {"odom_frame_id": ""}, "odom_frame_id is empty"),
        (VlocnetNode, {"global_frame_id": "/"}, "global_frame_id is empty"),
        (DmnNode, {"global_frame_id": "/odom"}, "frames must differ"),
        (VlocnetNode, {"publish_odom_tf": True, "tf_mode": "map_base"}, "two parents, odom and map"),
        (DmnNode, {"min_particles": 3000}, "min_particles 3000"),
        (DmnNode, {"min_particles": 0}, "min_particles"),
    ],
)
def test_nodes_refuse_to_start_with_a_reason(
    context: Context, make_node: Any, values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        make_node(context=context, parameter_overrides=overrides(**values))
    assert reason in str(refusal.value)


@pytest.mark.parametrize("settings", [VlocnetSettings, DmnSettings])
def test_frames_lose_a_leading_slash_as_those_in_messages_do(nodes: Any, settings: type[Any]) -> None:
    names = ("global_frame_id", "odom_frame_id", "base_frame_id", "camera_frame_id")
    node = nodes(**{name: f"/robot/{name}" for name in names})
    parameters = Parameters(node, settings)
    assert [getattr(parameters.value, name) for name in names] == [f"robot/{name}" for name in names]
    assert set_to(node, "camera_frame_id", "/lens") == ""
    assert parameters.value.camera_frame_id == "lens"


def test_the_base_gets_no_second_parent_while_running(stage: Stage) -> None:
    stage.start(VlocnetNode, tf_mode="map_base")
    assert "two parents" in stage.parameters_set("vlocnet", publish_odom_tf=True)
    assert stage.parameters_set("vlocnet", tf_broadcast=False) == ""
    assert stage.parameters_set("vlocnet", publish_odom_tf=True) == ""
    assert "two parents" in stage.parameters_set("vlocnet", tf_broadcast=True)
    assert stage.parameters_set("vlocnet", tf_mode="map_odom") == ""
    assert stage.parameters_set("vlocnet", tf_broadcast=True) == ""


def test_whole_numbers_are_taken_for_floats(nodes: Any) -> None:
    node = nodes(speed=2, k2=3)
    value = Parameters(node, Outer).value
    assert (value.speed, value.flat.k2) == (2.0, 3.0)
    assert type(value.speed) is float
    assert node.get_parameter("speed").type_ == Parameter.Type.DOUBLE


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"speed": True}, "parameter speed is True; it must be a number"),
        ({"mode": 3}, "parameter mode is 3; it must be text, in quotes"),
        ({"port": 1.5}, "parameter port is 1.5; it must be a whole number"),
        ({"mode": []}, "parameter mode is []; it must be text, in quotes"),
        ({"k3": [1.0]}, "parameter k3 is [1.0]; it must be a number"),
        ({"k3": float("inf")}, "parameter k3 is inf; it must be a finite number"),
        ({"k3": float("nan")}, "parameter k3 is nan; it must be a finite number"),
    ],
)
def test_values_of_a_wrong_type_are_refused_with_the_right_type(
    nodes: Any, values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        Parameters(nodes(**values), Outer)
    assert reason in str(refusal.value)


def test_a_nodes_own_dump_can_be_loaded_while_it_works(stage: Stage) -> None:
    node = stage.start(VlocnetNode)
    names = node.list_parameters([], 0).names
    assert {"checkpoint", "process_all", "use_sim_time", "transform_tolerance"} <= set(names)
    dump = {name.replace(".", "__"): node.get_parameter(name).value for name in names}
    assert stage.parameters_set("vlocnet", **dump) == ""
    assert stage.parameters_set("vlocnet", transform_tolerance=2) == ""
    assert node.settings.transform_tolerance == 2.0
    assert "read-only" in stage.parameters_set("vlocnet", process_all=True)
    assert "keyframe_map is read by configure" in stage.parameters_set("vlocnet", keyframe_map="other")
