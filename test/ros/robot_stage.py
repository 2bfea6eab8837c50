"""Stage for tests of nodes: a robot and the nodes under test spin together, with real rclpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from stage_robot import Robot
from waiting import RawListener, wait_until

from localization_common.ros.lifecycle_client import LifecycleClient, call
from localization_common.ros.recorder import Recorder
from localization_common.ros.spinning import spinning


def overrides(**values: Any) -> list[Parameter]:
    """Parameter overrides; a double underscore means a dot."""
    return [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]


class Stage:
    """Spins a robot and the nodes under test together."""

    def __init__(self, context: Context, models: Path) -> None:
        self.context, self._models = context, models
        self._nodes: list[Node] = []
        self._stack: list[Any] = []
        node = Node("robot", context=context)
        self.add(node)
        self.robot = Robot(node)

    def start(self, make: Any, *, active: bool = True, options: dict[str, Any] | None = None, **values: Any) -> Any:
        """Make a node as `start_unmatched`; return when robot and node are connected and the node is active."""
        node = self.start_unmatched(make, options, **values)
        assert wait_until(lambda: self._matched(node)), "discovery did not end"
        if active:
            assert self.client(node.get_name()).wait_until_active()
        return node

    def start_unmatched(self, make: Any, options: dict[str, Any] | None = None, **values: Any) -> Any:
        """Make a node with good parameters except the given ones, and spin it."""
        parameters = overrides(**{**self.parameters(make), **values})
        node = make(context=self.context, parameter_overrides=parameters, **(options or {}))
        self.add(node)
        return node

    def use_robot(self, robot: Robot) -> None:
        """Replace the robot by one with other publishers."""
        node, replaced = self.robot.node, (self.robot.images, self.robot.infos, self.robot.odometry)
        # In the thread that spins: its wait must not contain a destroyed publisher.
        task = node.executor.create_task(lambda: [node.destroy_publisher(publisher) for publisher in replaced])
        assert wait_until(task.done)
        self.robot = robot

    def parameters(self, make: Any) -> dict[str, Any]:
        """Parameters that the tiny models need."""
        name = {"VlocnetNode": "vlocnet", "DmnNode": "dmn"}[make.__name__]
        values: dict[str, Any] = {"checkpoint": str(self._models / f"{name}.safetensors"), "base_frame_id": "base_link"}
        if name == "dmn":
            values |= {"map_path": str(self._models / "map.safetensors"), "max_particles": 500, "global_particles": 500}
        return values

    def call(self, service_type: Any, name: str) -> Any:
        """Call a service without arguments."""
        client = self.robot.node.create_client(service_type, name)
        return call(client, service_type.Request(), 10.0)

    def client(self, name: str) -> LifecycleClient:
        """Client of the lifecycle services of a node."""
        return LifecycleClient(self.robot.node, name)

    def also_record(self, topics: dict[str, type[Any]]) -> Recorder:
        """Record topics that are only published for subscribers; return when they have a publisher."""
        recorder = Recorder(self.robot.node, topics)
        assert wait_until(lambda: all(n.count_subscribers(topic) for n in self._nodes for topic in topics))
        assert wait_until(lambda: all(self.robot.node.count_publishers(topic) for topic in topics))
        return recorder

    def status_now(self, name: str) -> Any:
        """Publish the diagnostics of a node now, and return them as received over DDS."""
        node = next(n for n in self._nodes if n.get_name() == name)
        before = self.robot.recorder.count("/diagnostics")
        node.diagnostics.publish()
        found: list[Any] = []

        def look() -> bool:
            new = self.robot.recorder.of("/diagnostics")[before:]
            found.extend(s for s in new if s.name == node.get_fully_qualified_name())
            return bool(found)

        assert self.robot.recorder.wait_for(look, 10.0)
        return found[-1]

    def parameters_set(self, name: str, **values: Any) -> str:
        """Set parameters by service; return the reason of a refusal, or an empty string."""
        client = self.robot.node.create_client(SetParameters, f"{name}/set_parameters")
        request = SetParameters.Request(parameters=[p.to_parameter_msg() for p in overrides(**values)])
        return "; ".join(r.reason for r in call(client, request, 10.0).results if not r.successful)

    def listen(self, message_type: Any, topic: str, *, latched: bool = False) -> RawListener:
        """Keep the messages of a topic; return when the publisher has found the subscriber."""
        listener = RawListener(self.robot.node, message_type, topic, latched=latched)
        assert wait_until(lambda: all(n.count_subscribers(topic) for n in self._nodes))
        return listener

    def close(self) -> None:
        """Stop spinning, then destroy the nodes."""
        for spin in reversed(self._stack):
            spin.__exit__(None, None, None)
        for node in reversed(self._nodes):
            node.destroy_node()

    def _matched(self, node: Any) -> bool:
        """Return True if every publisher has its subscribers, so that no message is lost."""
        robot = self.robot
        sent = [robot.images, robot.infos, robot.static, robot.tf]
        if node.get_name() == "dmn":
            sent.append(robot.initial)
            if node.resolve_topic_name("odom") == robot.odometry.topic_name:
                sent.append(robot.odometry)
        names = {robot.node.resolve_topic_name(topic) for topic in robot.topics}
        recorded = [p for p in node.publishers if p.topic_name in names]
        topics = {publisher.topic_name for publisher in sent}
        # Best-effort images are lost until the node has found the robot, too. Humble has no function to check it.
        subscriptions = [s for s in node.subscriptions if s.topic_name in topics and hasattr(s, "get_publisher_count")]
        return all(publisher.get_subscription_count() > 0 for publisher in sent + recorded) and all(
            subscription.get_publisher_count() > 0 for subscription in subscriptions
        )

    def add(self, node: Node) -> None:
        """Spin a node in its own thread until the end of the test."""
        self._nodes.append(node)
        self._stack.append(spinning(node))
        self._stack[-1].__enter__()
