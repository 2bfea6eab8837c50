"""Publisher of /diagnostics: one status a second, with problems, their reasons and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from localization_common.ros.latest_frame import LatestFrame
from localization_common.ros.monitor import Level, Monitor, Problem

#: After so many seconds without an image, an active node reports it.
STARVED_AFTER = 3.0


class DiagnosticsPublisher:
    """Publishes the status of a node every second, also while the node is inactive and while the ROS clock stands.

    Args:
        node: owner of the publisher; its full name is the name of the status.
        status: returns the present problems and values.
    """

    def __init__(self, node: Node, status: Callable[[], tuple[Mapping[str, Problem], Mapping[str, str]]]) -> None:
        self._node, self._status = node, status
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(1.0, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish now."""
        problems, values = self._status()
        message = DiagnosticArray(status=[diagnostic_status(self._node.get_fully_qualified_name(), problems, values)])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def diagnostic_status(name: str, problems: Mapping[str, Problem], values: Mapping[str, str]) -> DiagnosticStatus:
    """Message with the worst level, the text of every problem and all values."""
    worst = max((p.level for p in problems.values()), default=Level.OK)
    ordered = sorted(problems.values(), key=lambda p: -p.level)
    return DiagnosticStatus(
        level=bytes([worst]),
        name=name,
        hardware_id="camera",
        message="; ".join(p.text for p in ordered) or "working",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def frame_values(monitor: Monitor, frames: LatestFrame[Any]) -> dict[str, str]:
    """Values that every node reports: rates, age of the stamps, durations and counts."""
    age = monitor.stamp_age
    return {
        "input rate [Hz]": f"{monitor.input_rate.hertz:.2f}",
        "output rate [Hz]": f"{monitor.output_rate.hertz:.2f}",
        "stamp age [s]": "none" if age is None else f"{age:.3f}",
        "inference p50 [ms]": f"{monitor.inference.percentile(50):.1f}",
        "inference p95 [ms]": f"{monitor.inference.percentile(95):.1f}",
        "latency p50 [ms]": f"{monitor.latency.percentile(50):.1f}",
        "latency p95 [ms]": f"{monitor.latency.percentile(95):.1f}",
        "frames received": str(frames.received),
        "frames processed": str(monitor.processed),
        "frames dropped": str(frames.dropped),
        "frames refused": str(monitor.refused),
        "clock jumps": str(monitor.jumps),
    }


def starvation(monitor: Monitor, topic: str, reason: Callable[[], str]) -> str:
    """Reason why no image arrives, as a sentence; empty while images arrive.

    Args:
        monitor: has the time of the last image.
        topic: topic of the images.
        reason: searches the reason in the ROS graph; called only if no image arrives.
    """
    silent = monitor.input_rate.seconds_since
    if silent is not None and silent < STARVED_AFTER:
        return ""
    return f"no image on {topic} {'yet' if silent is None else f'for {silent:.0f} s'}: {reason()}"
