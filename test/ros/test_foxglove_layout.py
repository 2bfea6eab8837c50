"""Tests of config/foxglove.json against the topics of running nodes: names, types and fields."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from rclpy.node import Node
from robot_stage import Stage
from waiting import wait_until

from dmn_ros.node import DmnNode
from localization_sim.node import ApartmentCamera
from vlocnet_ros.node import VlocnetNode

LAYOUT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "config" / "foxglove.json").read_text())
PANELS: dict[str, Any] = LAYOUT["configById"]

#: Topics of other nodes: Nav2's map_server publishes the occupancy grid of a place.
OTHERS = {"/map": "nav_msgs/msg/OccupancyGrid"}
#: Types that Foxglove's 3D panel draws and that this layout may have.
DRAWN = {
    "geometry_msgs/msg/PoseArray",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "nav_msgs/msg/OccupancyGrid",
    "nav_msgs/msg/Odometry",
    "visualization_msgs/msg/MarkerArray",
}


@pytest.fixture
def published(stage: Stage) -> dict[str, str]:
    """Topics of both nodes and of the simulated robot, with their types, from the ROS graph."""
    stage.start_unmatched(VlocnetNode, autostart=False)
    stage.start_unmatched(DmnNode, autostart=False)
    stage.add(ApartmentCamera(context=stage.context))
    node, names = stage.robot.node, ("vlocnet", "dmn", "apartment_camera")
    assert wait_until(lambda: set(names) <= set(node.get_node_names()))
    return topics_of(node, names) | OTHERS


def topics_of(node: Node, names: tuple[str, ...]) -> dict[str, str]:
    """Published topics of nodes with their types; waits until each is known with all of its topics."""
    last = {"vlocnet": "/vlocnet/matched_points", "dmn": "/dmn/context_views", "apartment_camera": "/frames_published"}

    def found() -> dict[str, str]:
        pairs = [topic for name in names for topic in node.get_publisher_names_and_types_by_node(name, "/")]
        return {topic: types[0] for topic, types in pairs}

    assert wait_until(lambda: {last[name] for name in names} <= set(found()))
    return found()


def test_layout_names_topics_and_fields_of_the_nodes(stage: Stage, published: dict[str, str]) -> None:
    for panel, config in PANELS.items():
        for topic in config.get("topics", {}):
            assert published.get(topic) in DRAWN, (panel, topic)
        for key, kind in (("imageTopic", "Image"), ("calibrationTopic", "CameraInfo")):
            topic = config.get("imageMode", {}).get(key)
            assert topic is None or published.get(topic) == f"sensor_msgs/msg/{kind}", (panel, topic)
    assert published[PANELS["DiagnosticSummary!all"]["topicToRender"]] == "diagnostic_msgs/msg/DiagnosticArray"
    paths = [path["value"] for config in PANELS.values() for path in config.get("paths", [])]
    assert len(paths) >= 8
    for path in paths:
        topic, *fields = path.split(".")
        package, _, name = published[topic].split("/")
        value = getattr(import_module(f"{package}.msg"), name)()
        for field in fields:
            attribute, index = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", field).groups()
            value = getattr(value, attribute)
            value = value if index is None else value[int(index)]
        assert isinstance(value, float | int | str), path
    initial_pose = PANELS["3D!map"]["publish"]["poseEstimateTopic"]
    assert wait_until(lambda: stage.robot.node.count_subscribers(initial_pose) == 1)  # dmn's


def test_every_panel_is_in_the_layout_once() -> None:
    def panels(part: Any) -> list[str]:
        return [part] if isinstance(part, str) else [*panels(part["first"]), *panels(part["second"])]

    assert sorted(panels(LAYOUT["layout"])) == sorted(PANELS)
