"""Tests of config/sros2_policy.xml: it allows what the running nodes do, and nothing else."""

from __future__ import annotations

import contextlib
import importlib.util
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from waiting import wait_until

from deep_localization.evaluation.processes import claim_domain
from deep_localization.node import make_nodes
from dmn_ros.node import DmnNode
from localization_common.ros.spinning import spinning
from vlocnet_ros.node import VlocnetNode

NODES: dict[str, Any] = {"vlocnet": VlocnetNode, "dmn": DmnNode}
POLICY = Path(__file__).resolve().parents[2] / "config" / "sros2_policy.xml"
#: Attributes of the policy -> function of rclpy's Node that lists the names of another node.
RULES = {
    "publish": "get_publisher_names_and_types_by_node",
    "subscribe": "get_subscriber_names_and_types_by_node",
    "reply": "get_service_names_and_types_by_node",
    "request": "get_client_names_and_types_by_node",
}
#: Names that exist only where an optional package is installed, or in a newer ROS 2.
OPTIONAL = {
    "/set_initial_pose": importlib.util.find_spec("nav2_msgs") is None,
    "/particle_cloud": importlib.util.find_spec("nav2_msgs") is None,
    "/segmentation/label_info": importlib.util.find_spec("vision_msgs") is None,
    "/vlocnet/get_type_description": importlib.util.find_spec("type_description_interfaces") is None,
    "/dmn/get_type_description": importlib.util.find_spec("type_description_interfaces") is None,
}
#: Parameters of the files that the nodes need.
FILES = {
    "vlocnet": {"checkpoint": "MODELS/vlocnet.safetensors"},
    "dmn": {"checkpoint": "MODELS/dmn.safetensors", "map_path": "MODELS/map.safetensors"},
}
#: Remaps of the launch file.
LAUNCHED = {"vlocnet": {"guess": "dmn/pose"}, "dmn": {"proposal": "vlocnet/pose", "odom": "vlocnet/odometry"}}
#: Ways to start the nodes, whose names are allowed together: True with these remaps, and parameters of the nodes.
VARIANTS: list[tuple[bool, dict[str, dict[str, str]]]] = [
    (True, {}),
    (False, {"vlocnet": {"checkpoint": "''", "keyframe_map": "MODELS/keyframes.safetensors"}}),
    (
        False,
        {name: {"image_transport": "compressed", "use_sim_time": "true", "amcl_pose": "true"} for name in LAUNCHED},
    ),
]
#: (attribute, full name) of every name of a node.
Names = set[tuple[str, str]]


def allowed(enclave: str, node: str) -> Names:
    """Names that the policy allows a node."""
    root = ElementTree.parse(POLICY).getroot()
    profiles = root.findall(f"enclaves/enclave[@path='/deep_localization/{enclave}']/profiles/profile[@node='{node}']")
    assert len(profiles) == 1, f"{POLICY}: {len(profiles)} profiles of {node} in the enclave {enclave}"
    found = []
    for rules in profiles[0]:
        for attribute, qualifier in rules.attrib.items():
            assert qualifier == "ALLOW"
            found += [(attribute, full_name(str(one.text), node)) for one in rules]
    assert len(found) == len(set(found)), f"{POLICY}: a name is there twice in the profile of {node}"
    return set(found)


def full_name(text: str, node: str) -> str:
    """Full name of a name in the policy: ``~/x`` is below the node, ``x`` below the namespace, as in sros2."""
    return f"/{node}{text[1:]}" if text.startswith("~") else text if text.startswith("/") else f"/{text}"


def observed(observer: Node, node: str) -> Names:
    """Names of a running node in the ROS graph."""
    return {
        (attribute, name) for attribute, function in RULES.items() for name, _ in getattr(observer, function)(node, "/")
    }


def run(models: Path, names: list[str]) -> dict[str, Names]:
    """Start nodes in all ways, and return what each does in any of them."""
    found: dict[str, Names] = {name: set() for name in names}
    for launched, values in VARIANTS:
        arguments = ["--ros-args"]
        for name in names:
            given = FILES[name] | values.get(name, {})
            for key, value in given.items():
                arguments += ["-p", f"{name}:{key}:={value.replace('MODELS', str(models))}"]
            for topic, other in LAUNCHED[name].items() if launched else ():
                arguments += ["-r", f"{name}:{topic}:={other}"]
        with running(names, arguments) as (observer, nodes):
            for node in nodes:
                found[node.get_name()] |= done_by(observer, node)
    return found


@contextlib.contextmanager
def running(names: list[str], arguments: list[str]) -> Iterator[tuple[Node, list[Any]]]:
    """Spin an observer, and nodes as one process has them, in a ROS domain of their own."""
    domain, claim = claim_domain()
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    try:
        observer, options = Node("observer", context=context), {"context": context, "cli_args": arguments}
        nodes = make_nodes(**options) if len(names) == 2 else [NODES[names[0]](**options)]
        with spinning(observer, *nodes):
            yield observer, nodes
        for node in nodes:
            node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
        claim.close()


def done_by(observer: Node, node: Any) -> Names:
    """Names of an active node in the ROS graph, once the graph has all that the node has."""
    name = node.get_name()
    assert wait_until(lambda: node.active), f"{name}: {node.monitor.problems}"
    own = {("publish", one.topic_name) for one in node.publishers}
    own |= {("subscribe", one.topic_name) for one in node.subscriptions}
    own |= {("reply", one.service_name) for one in node.services}
    assert wait_until(lambda: own <= observed(observer, name)), f"{name}: not discovered"
    return observed(observer, name)


@pytest.mark.parametrize(
    ("enclave", "nodes"),
    [("vlocnet", ["vlocnet"]), ("dmn", ["dmn"]), ("localization", ["vlocnet", "dmn"])],
    ids=["vlocnet", "dmn", "both in one process"],
)
def test_the_policy_allows_what_the_nodes_do_and_nothing_else(models: Path, enclave: str, nodes: list[str]) -> None:
    for node, names in run(models, nodes).items():
        rules = allowed(enclave, node)
        missing = sorted(names - rules)
        assert not missing, (
            f"{node} does what {POLICY.name} does not allow: {missing}. Add each name to the profile of {node} in the "
            f"enclave /deep_localization/{enclave}: (publish, /x) is <topic>x</topic> in <topics publish='ALLOW'>, "
            "(reply, /NODE/x) is <service>~/x</service> in <services reply='ALLOW'>"
        )
        superfluous = sorted(rule for rule in rules - names if not OPTIONAL.get(rule[1], False))
        assert not superfluous, (
            f"{POLICY.name} allows {node} in the enclave /deep_localization/{enclave} what it does not do: "
            f"{superfluous}. Remove it; or, if a parameter or a launch argument makes it, add that to VARIANTS here"
        )


def test_the_policy_has_the_form_of_sros2() -> None:
    """Test the rules of sros2's policy.xsd: elements, their order and their attributes."""
    root = ElementTree.parse(POLICY).getroot()
    assert (root.tag, root.attrib) == ("policy", {"version": "0.2.0"})
    assert [child.tag for child in root] == ["enclaves"]
    for enclave in root[0]:
        assert (enclave.tag, set(enclave.attrib), [c.tag for c in enclave]) == ("enclave", {"path"}, ["profiles"])
        assert enclave.attrib["path"].startswith("/")
        for profile in enclave[0]:
            assert (profile.tag, set(profile.attrib)) == ("profile", {"ns", "node"})
            for rules in profile:
                item, attributes = {
                    "topics": ("topic", {"publish", "subscribe"}),
                    "services": ("service", {"reply", "request"}),
                }[rules.tag]
                assert set(rules.attrib) <= attributes
                assert len(rules) > 0
                assert {one.tag for one in rules} == {item}
                assert [one.text for one in rules] == sorted(str(one.text) for one in rules)
