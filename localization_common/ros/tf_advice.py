"""Messages about problems of TF: the frame, the parameter that names it, the publishers, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node

#: Largest number of frames in a message.
_NAMED = 12


@dataclass(frozen=True)
class TfGraph:
    """Publishers of TF other than this node.

    Attributes:
        tf: topic of moving transforms that this node reads, after remapping.
        static: topic of static transforms that this node reads, after remapping.
        publishers: topic of TFMessage -> full names of the other nodes that publish it.
    """

    tf: str
    static: str
    publishers: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, node: Node, tf: str, static: str) -> TfGraph:
        """Read the present graph."""
        own, publishers = node.get_fully_qualified_name(), {}
        for topic, types in node.get_topic_names_and_types():
            if "tf2_msgs/msg/TFMessage" in types:
                names = {full_name(endpoint) for endpoint in node.get_publishers_info_by_topic(topic)}
                publishers[topic] = sorted(names - {own})
        return cls(tf, static, publishers)

    @property
    def elsewhere(self) -> str:
        """End of a message if TF is published on other topics, but not on both topics of this node; else empty."""
        published = {topic: bool(self.publishers.get(topic)) for topic in (self.tf, self.static)}
        others = sorted(name for name, nodes in self.publishers.items() if nodes and name not in published)
        if all(published.values()) or not others:
            return ""
        silent = " and ".join(topic for topic, found in published.items() if not found)
        prefix = others[0].rsplit("/", 1)[0]
        return (
            f"; nobody else publishes on {silent}, but TF is on {', '.join(others)}: remap it with --ros-args "
            f"-r {self.tf}:={prefix}/tf -r {self.static}:={prefix}/tf_static"
        )


def full_name(endpoint: Any) -> str:
    """Full name of the node of an endpoint (`get_publishers_info_by_topic`)."""
    return f"{str(endpoint.node_namespace).rstrip('/')}/{endpoint.node_name}"


def missing_mount(base: str, camera: str, source: str, frames: Sequence[str], graph: TfGraph) -> str:
    """Reason why TF does not have the mount of the camera, and the remedy.

    Args:
        base: name of the base frame, or the candidates, joined by " or ".
        camera: name of the camera frame.
        source: parameter or header that names the camera frame.
        frames: all frames of TF.
        graph: publishers of TF.
    """
    listed, elsewhere = _listed(frames), graph.elsewhere
    parent = base.rpartition(" ")[2]
    remedy = (
        f"ros2 run tf2_ros static_transform_publisher --frame-id {parent} --child-frame-id {camera} --x .. --yaw .."
    )
    if not frames:
        return f"TF is empty, and {base} -> {camera} is needed: is robot_state_publisher running?{elsewhere}"
    if not any(name in frames for name in base.split(" or ")):
        return (
            f"TF has no frame {base!r}, which is parameter base_frame_id; it has {listed}: set base_frame_id to the "
            f"frame of the robot's base (base_frame_id:=NAME), or start its publisher{elsewhere}"
        )
    if camera not in frames:
        return (
            f"TF has no frame {camera!r} ({source}); it has {listed}: publish where the camera sits ({remedy}), or set "
            f"parameter camera_frame_id{elsewhere}"
        )
    return (
        f"TF has {base!r} (parameter base_frame_id) and {camera!r} ({source}), but does not join them: publish the "
        f"transform that is missing ({remedy}){elsewhere}"
    )


def missing_odometry(odom: str, base: str, frames: Sequence[str], graph: TfGraph) -> str:
    """Reason why TF has no odometry, and the remedy.

    Args:
        odom: `odom_frame_id`.
        base: `base_frame_id`.
        frames: all frames of TF.
        graph: publishers of TF.
    """
    needs = f"tf_mode map_odom needs the odometry's TF {odom} -> {base}"
    absent = {odom: "odom_frame_id", base: "base_frame_id"}
    unknown = [f"{frame!r} (parameter {name})" for frame, name in absent.items() if frame not in frames]
    found = f"TF has {_listed(frames) or 'no frames'}"
    found += f", not {' and '.join(unknown)}: correct the names" if unknown else ", but does not join these two"
    return f"{needs}; {found}, or start the odometry; without any, set tf_mode to map_base or none{graph.elsewhere}"


def second_broadcaster(parent: str, child: str, own_parent: str, graph: TfGraph) -> str:
    """Warning that another node, too, broadcasts the frame that this node broadcasts.

    Args:
        parent: parent frame in the transform of the other node.
        child: frame that both broadcast.
        own_parent: parent frame in the transform of this node.
        graph: publishers of TF.
    """
    suspects = sorted({*graph.publishers.get(graph.tf, ()), *graph.publishers.get(graph.static, ())})
    return (
        f"another node, too, broadcasts {parent} -> {child}, and this one {own_parent} -> {child}; on {graph.tf} and "
        f"{graph.static} publish {', '.join(suspects) or 'unknown nodes'}: stop the one that does it (amcl, "
        "slam_toolbox, a static publisher), or set tf_mode to none here"
    )


def _listed(frames: Sequence[str]) -> str:
    more = f" and {len(frames) - _NAMED} more" if len(frames) > _NAMED else ""
    return ", ".join(frames[:_NAMED]) + more
