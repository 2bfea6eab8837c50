"""Messages about a topic without messages: no publisher, another type or quality of service, silence."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy

from localization_common.ros.tf_advice import full_name

#: Largest number of other topics in a message.
_NAMED = 6


def why_silent(node: Node, name: str, topic: str, message_type: str, *, reliable: bool = False) -> str:
    """Reason why a subscription receives nothing, and the remedy.

    Args:
        node: owner of the subscription.
        name: name of the topic in the program, which a user remaps.
        topic: full name after remapping.
        message_type: type such as ``sensor_msgs/msg/CameraInfo``.
        reliable: the subscription requires a reliable publisher.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    if not publishers:
        return f"nobody publishes there{_elsewhere(node, name, topic, message_type)}"
    names = ", ".join(sorted({full_name(endpoint) for endpoint in publishers}))
    others = sorted({endpoint.topic_type for endpoint in publishers} - {message_type})
    if others and all(endpoint.topic_type != message_type for endpoint in publishers):
        return f"{names} publishes {', '.join(others)} there, but this node reads {message_type}: remap {name}"
    unreliable = [e for e in publishers if e.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT]
    if reliable and len(unreliable) == len(publishers):
        return (
            f"{names} publishes there as best effort, but process_all wants a reliable publisher: "
            "set process_all to false, or make the publisher reliable"
        )
    return f"{names} publishes there, but sends nothing: is the camera streaming, and is the network fast enough?"


def _elsewhere(node: Node, name: str, topic: str, message_type: str) -> str:
    # A node that waits for the same messages does not make them: the labels of vlocnet are no camera of dmn.
    waiting = {full_name(endpoint) for endpoint in node.get_subscriptions_info_by_topic(topic)}
    ours = waiting | {node.get_fully_qualified_name()}
    topics = sorted(
        other
        for other, types in node.get_topic_names_and_types()
        if message_type in types and any(full_name(e) not in ours for e in node.get_publishers_info_by_topic(other))
    )
    if not topics:
        return f", and {message_type} is published nowhere: is the camera driver running?"
    more = f" and {len(topics) - _NAMED} more" if len(topics) > _NAMED else ""
    return (
        f"; {message_type} is on {', '.join(topics[:_NAMED])}{more}: remap it with "
        f"--ros-args -r {name}:={topics[0].removesuffix('/compressed')} (launch argument {name}:=TOPIC)"
    )
