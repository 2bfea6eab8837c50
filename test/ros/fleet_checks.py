"""Checks that the robots of a fleet share nothing by mistake."""

from __future__ import annotations

import numpy as np
from fleet import GLOBAL, NODES, FleetRobot

from localization_common.metrics.pose_metrics import pose_errors
from localization_common.place import Place
from localization_common.place.saved_pose import pose_file, read_saved_pose

#: Functions of rclpy's Node that list the names of another node.
LISTS = tuple(f"get_{kind}_names_and_types_by_node" for kind in ("publisher", "subscriber", "service", "client"))
#: Largest error of the poses on each topic, metres.
NEAR = {"vlocnet/pose": 0.1, "dmn/pose": 0.2}


def metres_off(robot: FleetRobot, topic: str, positions: range) -> np.ndarray:
    """Errors (N,) of the poses on a topic at these frames."""
    found = robot.poses_of(topic)
    assert set(positions) <= set(found), f"{robot.name}: {topic} has {sorted(found)}"
    return pose_errors(np.stack([found[i].matrix for i in positions]), robot.queries.map_T_base[list(positions)]).metres


def assert_own_poses(robot: FleetRobot, positions: range) -> None:
    """Check that the poses of these frames are near the true ones of this robot, on every topic and on TF."""
    for topic, most in NEAR.items():
        assert metres_off(robot, topic, positions).max() < most, f"{robot.name}: {topic}"
    own = robot.poses_of("vlocnet/pose")
    assert robot.amcl.wait_for(lambda: robot.amcl.count("amcl_pose") == len(own), 10.0)
    for pose in robot.amcl.of("amcl_pose"):
        np.testing.assert_array_equal(pose.matrix, own[robot.stamps.index(pose.stamp)].matrix)
    last = positions[-1]
    for sent in robot.robot.transforms_of("map"):
        assert sent.child == "odom"
        found = sent.matrix @ robot.odom_T_base[last]
        assert np.linalg.norm(found[:3, 3] - robot.queries.map_T_base[last][:3, 3]) < 0.2, f"{robot.name}: TF"
    assert robot.robot.transforms_of("map")


def assert_own_names(robots: list[FleetRobot]) -> None:
    """Check the ROS graph: no node has a name outside of its namespace, and nobody else has one in it."""
    relative = []
    for robot in robots:
        inside = f"/{robot.name}/"
        names = {
            (node, function, name) for node in NODES for function in LISTS for name in _names(robot, node, function)
        }
        shared = {name for name in names if not name[2].startswith(inside) and name[2] not in GLOBAL}
        assert not shared, f"{robot.name}: {shared}"
        relative.append({(node, function, name.removeprefix(inside)) for node, function, name in names})
        for topic, _ in robot.node.get_topic_names_and_types():
            ends = robot.node.get_publishers_info_by_topic(topic) + robot.node.get_subscriptions_info_by_topic(topic)
            owners = {end.node_namespace for end in ends}
            assert owners <= {f"/{robot.name}"} or not topic.startswith(inside), f"{topic}: {owners}"
    assert relative[0] == relative[1]
    assert ("vlocnet", LISTS[0], "tf") in relative[0]
    assert ("dmn", LISTS[2], "reinitialize_global_localization") in relative[0]


def _names(robot: FleetRobot, node: str, function: str) -> list[str]:
    return [name for name, _ in getattr(robot.node, function)(node, f"/{robot.name}")]


def assert_own_diagnostics(robots: list[FleetRobot], frames: int) -> None:
    """Check that each node reports under its full name, and counts the frames of its own robot only."""
    recorder = robots[0].robot.recorder
    wanted = {f"/{robot.name}/{node}": frames for robot in robots for node in NODES}

    def processed() -> dict[str, int]:
        newest = {status.name: status for status in recorder.of("/diagnostics")}
        return {name: int(status.values["frames processed"]) for name, status in newest.items()}

    assert recorder.wait_for(lambda: processed() == wanted, 10.0), processed()


def assert_saved(robots: list[FleetRobot], place: Place) -> None:
    """Check that each node saved the last pose that it published, in a file of its own."""
    found = {path.name for path in place.path.parent.glob(f"{place.path.name}.*")}
    assert found == {f"{place.path.name}.{robot.name}.{node}.pose.json" for robot in robots for node in NODES}
    for robot in robots:
        for node in NODES:
            saved = read_saved_pose(pose_file(place, f"/{robot.name}/{node}"), place)
            last = robot.robot.recorder.latest(f"{node}/pose").matrix
            np.testing.assert_allclose(saved.map_T_base, last, atol=0.02)
