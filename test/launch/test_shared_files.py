"""Tests of the files in config/ and rviz/: they fit the nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import rclpy
import yaml
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from dmn_ros.node import DmnNode
from localization_sim.node import ApartmentCamera
from vlocnet_ros.node import VlocnetNode

REPOSITORY = Path(__file__).resolve().parents[2]
NAMESPACE = "/robot_1"

#: Arguments of nav2_bringup's launch files, Jazzy to Kilted.
NAV2_ARGUMENTS = """
autostart container_name graph headless keepout_mask log_level map namespace params_file pitch robot_name robot_sdf roll
rviz_config rviz_config_file slam speed_mask use_composition use_intra_process_comms use_keepout_zones use_localization
use_namespace use_respawn use_robot_state_pub use_rviz use_sim_time use_simulator use_speed_zones world x_pose y_pose
yaw z_pose
"""


@pytest.fixture
def nodes(ros_domain: int) -> Iterator[dict[str, Node]]:
    """All nodes of the package, unconfigured."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    idle = [Parameter("autostart", value=False)]
    nodes = {
        "vlocnet": VlocnetNode(context=context, namespace=NAMESPACE, parameter_overrides=idle),
        "dmn": DmnNode(context=context, namespace=NAMESPACE, parameter_overrides=idle),
        "apartment_camera": ApartmentCamera(context=context, namespace=NAMESPACE),
    }
    yield nodes
    for node in nodes.values():
        node.destroy_node()
    rclpy.try_shutdown(context=context)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested parameters to names with dots."""
    named: dict[str, Any] = {}
    for name, value in values.items():
        named |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return named


def parameters_in(file: str, folder: str = "config") -> dict[str, dict[str, Any]]:
    """Read the parameters of a file in a folder by node."""
    content = yaml.safe_load((REPOSITORY / folder / file).read_text())
    return {key.removeprefix("/**/"): flat(value["ros__parameters"]) for key, value in content.items()}


@pytest.mark.parametrize("name", ["vlocnet", "dmn"])
def test_parameter_file_shows_the_defaults(nodes: dict[str, Node], name: str) -> None:
    written = parameters_in(f"{name}.yaml")
    assert list(written) == [name]
    declared = {key: nodes[name].get_parameter(key).value for key in written[name]}
    assert written[name] == declared, f"config/{name}.yaml and the node's defaults differ"


@pytest.mark.parametrize("file", ["demo.yaml", "localization.yaml", "shipped_models.yaml", "nav2_params.yaml"])
def test_parameters_are_accepted(nodes: dict[str, Node], file: str) -> None:
    written = parameters_in(file, "examples/nav2" if file == "nav2_params.yaml" else "config")
    assert set(written) & set(nodes)
    for name, values in written.items():
        if name not in nodes:  # of Nav2
            continue
        for parameter, value in values.items():
            default = nodes[name].get_parameter(parameter)  # raises for a name that is not declared
            assert Parameter(parameter, value=value).type_ == default.type_, parameter


def test_launch_files_have_different_names() -> None:
    """`ros2 launch PACKAGE NAME` searches the whole share folder, and refuses a name that is there twice."""
    names = [path.name for folder in ("launch", "examples") for path in (REPOSITORY / folder).rglob("*.launch.py")]
    assert len(names) == len(set(names)) >= 2, names


def test_reference_lists_the_launch_arguments() -> None:
    tree = ast.parse((REPOSITORY / "launch" / "localization.launch.py").read_text())
    named = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    text = (REPOSITORY / "docs" / "reference.md").read_text()
    for name, (default, meaning) in ast.literal_eval(named["ARGUMENTS"]).items():
        assert f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |" in text


def test_no_argument_has_another_meaning_in_nav2() -> None:
    """A launch file that is included takes the arguments of the one around it that have the same name."""
    tree = ast.parse((REPOSITORY / "launch" / "localization.launch.py").read_text())
    named = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    same = set(ast.literal_eval(named["ARGUMENTS"])) & set(NAV2_ARGUMENTS.split())
    assert same == {"namespace", "params_file", "use_sim_time", "autostart", "use_respawn", "log_level"}


def test_rviz_shows_topics_that_exist(nodes: dict[str, Node]) -> None:
    displays = yaml.safe_load((REPOSITORY / "rviz" / "localization.rviz").read_text())["Visualization Manager"]
    shown = {f"{NAMESPACE}/{d['Topic']['Value']}": d["Class"] for d in displays["Displays"] if "Topic" in d}
    published: dict[str, str] = {}
    for node in nodes.values():
        published |= {p.topic_name: p.msg_type.__name__ for p in node.publishers}
    kinds = {"PoseWithCovariance": "PoseWithCovarianceStamped", "Pose": "PoseStamped", "Map": "OccupancyGrid"}
    for topic, display in shown.items():
        kind = display.removeprefix("rviz_default_plugins/")
        assert published.get(topic) == kinds.get(kind, kind), topic
    assert len(shown) >= 9


@pytest.mark.parametrize(("file", "address"), [("fastdds.xml", "127.0.0.1"), ("fastdds_robot.xml", None)])
def test_fastdds_profiles_carry_images(file: str, address: str | None) -> None:
    space = {"d": "http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles"}
    profile = ElementTree.parse(REPOSITORY / "config" / file).getroot()
    transports = {t.findtext("d:type", None, space): t for t in profile.iterfind(".//d:transport_descriptor", space)}
    assert int(transports["SHM"].findtext("d:segment_size", "0", space)) >= 16 * 2**20
    assert transports["UDPv4"].findtext(".//d:address", None, space) == address
    used = {t.text for t in profile.iterfind(".//d:userTransports/d:transport_id", space)}
    assert used == {t.findtext("d:transport_id", None, space) for t in transports.values()}
