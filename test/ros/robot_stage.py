"""A robot's topics for the nodes under test, with tiny random networks: real rclpy, real nodes, no accuracy."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from dmn_ros.config import NetworkConfig
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import network_camera, save_network
from localization_common.camera import Camera
from localization_common.errors import InputError
from localization_common.geometry import se3
from localization_common.messages import matrix_from_transform, stamp_from_time
from localization_common.ros.conversions import camera_to_info, image_from_array, pose_from_matrix
from localization_common.ros.lifecycle_client import LifecycleClient, call
from localization_common.ros.outputs import header
from localization_common.ros.recorder import Recorder
from localization_common.ros.spinning import spinning
from localization_common.ros.transforms import transform_stamped
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.keyframes.frame_correction import FrameCorrection
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.keyframes.lens_correction import LensCorrection
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, save_vlocnet
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig

Array = npt.NDArray[np.float64]

CAMERA = Camera.from_field_of_view(160, 120, 90.0)
SECOND = 1_000_000_000
FIRST = 1_000 * SECOND
PERIOD = SECOND // 5

BASE_T_CAMERA = np.eye(4)
BASE_T_CAMERA[:3, :3] = se3.BODY_R_OPTICAL
BASE_T_CAMERA[:3, 3] = (0.2, 0.05, 0.6)


def save_models(folder: Path) -> None:
    """Write vlocnet.safetensors, lost.safetensors, dmn.safetensors and map.safetensors with random weights.

    vlocnet takes any motion for consistent; lost takes none, so that it is lost from the second frame on.
    keyframes.safetensors is a keyframe map of random points, whose features show more detail than `CAMERA` does.
    """
    torch.manual_seed(0)
    vlocnet = VLocNet(tiny_vlocnet()).eval()
    save_vlocnet(folder / "vlocnet.safetensors", vlocnet, residuals=Residuals(tracking=TrackingConfig(agreement=1e6)))
    never = TrackingConfig(agreement=1e-9, patience=1e-9, coherence=1e-9)
    save_vlocnet(folder / "lost.safetensors", vlocnet, residuals=Residuals(tracking=never))
    network = DMN(tiny_dmn()).eval()
    save_network(folder / "dmn.safetensors", network, network_camera(network.config, 90.0), {})
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        features = network.context_embedding(torch.from_numpy(rng.random((6, 3, 24, 32), dtype=np.float32)))
    poses = rng.uniform([-3.5, -2.5, -3.0], [3.5, 2.5, 3.0], (6, 3))
    views = ContextMap(features, poses, (-4.0, -3.0, 4.0, 3.0), 5.0, "map", network.context_fingerprint())
    views.save(folder / "map.safetensors")
    tiny_keyframe_map().save(folder / "keyframes.safetensors")


def tiny_vlocnet() -> VLocNetConfig:
    """The true structure, a few channels wide."""
    return VLocNetConfig(
        width=64, height=48, stem=8, mids=(4, 4, 8, 8), expansion=2, units=(1, 2, 3, 2), fc=16, classes=4,
        segmentation_stem=4, semantic_unit=1, depth_channels=4,
    )  # fmt: skip


def tiny_dmn() -> NetworkConfig:
    """All parts of the shipped form, a few channels each."""
    return NetworkConfig(
        image_width=32, image_height=24, block_widths=(8, 8), block_strides=((2, 2), (2, 2)), feature_channels=8,
        hidden_channels=8, key_size=8, value_size=8, pair_size=16, gate_size=16, nearest_views=4,
    )  # fmt: skip


def tiny_keyframe_map() -> KeyframeMap:
    """Twenty points in front of two keyframes, each with one look."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-1.0, -1.0, 2.0], [1.0, 1.0, 3.0], (20, 3)).astype(np.float32)
    ranges = np.linalg.norm(points, axis=1)
    poses = np.tile(np.eye(4), (2, 1, 1))
    return KeyframeMap(
        points=points,
        descriptors=rng.integers(0, 90, (20, 128), dtype=np.uint8),
        appearance_point=np.arange(20, dtype=np.int32),
        directions=points / ranges[:, None],
        ranges=ranges,
        correction=FrameCorrection(poses, poses, metres=0.07, radians=0.1, variance=np.full((2, 6), 1e-6)),
        thumbnails=rng.integers(0, 256, (2, 576), dtype=np.uint8),
        repeated_view=np.zeros(2, dtype=np.bool_),
        lens=LensCorrection(),
        focal=5.0 * CAMERA.fx,
        features=800,
        noise=0.001,
        covariance_scale=1.0,
        card={},
    )


def textured(seed: int, camera: Camera = CAMERA) -> npt.NDArray[np.uint8]:
    """Random picture with structure at several scales."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (camera.height // 10, camera.width // 10, 3), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(10, 0).repeat(10, 1))


@dataclass(frozen=True)
class SentTransform:
    """One transform (4, 4) seen on /tf."""

    parent: str
    child: str
    stamp: int
    matrix: Array


class Robot:
    """Publishes what a robot publishes, and records what the nodes answer."""

    def __init__(self, node: Node, *, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> None:
        self.node = node
        qos = QoSProfile(depth=100, reliability=reliability)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.images = node.create_publisher(Image, "image", qos)
        self.infos = node.create_publisher(CameraInfo, "camera_info", qos)
        self.odometry = node.create_publisher(Odometry, "odom", qos)
        self.initial = node.create_publisher(PoseWithCovarianceStamped, "initialpose", QoSProfile(depth=1))
        self.static = node.create_publisher(TFMessage, "/tf_static", latched)
        self.tf = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self.topics: dict[str, type[Any]] = {
            "vlocnet/pose": PoseWithCovarianceStamped, "vlocnet/odometry": Odometry, "vlocnet/processed": Header,
            "dmn/pose": PoseWithCovarianceStamped, "dmn/processed": Header, "/diagnostics": DiagnosticArray,
        }  # fmt: skip
        self.recorder = Recorder(node, self.topics)
        self._transforms: list[SentTransform] = []
        self._changed = threading.Condition()
        node.create_subscription(TFMessage, "/tf", self._on_tf, QoSProfile(depth=100))

    def mount_camera(self) -> None:
        """Publish base_link -> camera_optical_frame."""
        mount = transform_stamped("base_link", "camera_optical_frame", BASE_T_CAMERA, 0)
        self.static.publish(TFMessage(transforms=[mount]))

    def send(self, index: int, image: Image | None = None, *, odometry: bool = True, start: int = FIRST) -> int:
        """Publish frame number `index` of a drive straight ahead; returns its stamp."""
        stamp = start + index * PERIOD
        head = header(stamp, "camera_optical_frame")
        self.infos.publish(camera_to_info(CAMERA, head))
        if odometry:
            self.send_odometry(stamp, 0.1 * index)
        self.images.publish(image_from_array(textured(index), "rgb8", head) if image is None else image)
        return stamp

    def send_odometry(self, stamp: int, x: float) -> None:
        """Publish odom -> base_link, x metres ahead."""
        message = Odometry(header=header(stamp, "odom"), child_frame_id="base_link")
        message.pose.pose.position.x = x
        message.pose.pose.orientation.w = 1.0
        self.odometry.publish(message)

    def send_initial_pose(self, map_T_base: Array, *, frame_id: str = "map", stamp: int = 0) -> None:
        """Publish initialpose with a small covariance."""
        message = PoseWithCovarianceStamped(header=header(stamp, frame_id))
        message.pose.pose = pose_from_matrix(map_T_base)
        message.pose.covariance = (np.eye(6) * 1e-4).ravel()
        self.initial.publish(message)

    def await_processed(self, node: str, stamp: int, timeout: float = 20.0) -> None:
        """Wait until a node has dealt with the image of this stamp."""
        topic = f"{node}/processed"
        done = self.recorder.wait_for(lambda: stamp in self.recorder.by_stamp(topic), timeout)
        assert done, f"{node} did not deal with image {stamp} within {timeout} s"

    def await_status(self, node: str, accept: Callable[[Any], bool], timeout: float = 15.0) -> Any:
        """Wait for a status of a node on /diagnostics that is accepted; returns it."""
        found: list[Any] = []

        def look() -> bool:
            statuses = (s for s in self.recorder.of("/diagnostics") if s.name == f"/{node}" and accept(s))
            found.extend(list(statuses)[-1:])
            return bool(found)

        assert self.recorder.wait_for(look, timeout), [
            (s.name, s.message) for s in self.recorder.of("/diagnostics")[-4:]
        ]
        return found[-1]

    def await_transform(self, parent: str, child: str, timeout: float = 10.0) -> SentTransform:
        """Wait for a transform on /tf."""

        def matching() -> list[SentTransform]:
            return [t for t in self._transforms if (t.parent, t.child) == (parent, child)]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(matching()), timeout), f"no {parent} -> {child}"
            return matching()[-1]

    def transforms_of(self, parent: str) -> list[SentTransform]:
        """Everything that came on /tf with this parent."""
        with self._changed:
            return [t for t in self._transforms if t.parent == parent]

    def send_transform(self, parent: str, child: str, matrix: Array, stamp: int) -> None:
        """Publish on /tf."""
        self.send_tf(transform_stamped(parent, child, matrix, stamp))

    def send_tf(self, transform: TransformStamped) -> None:
        """Publish a message on /tf."""
        self.tf.publish(TFMessage(transforms=[transform]))

    def _on_tf(self, msg: TFMessage) -> None:
        with self._changed:
            for t in msg.transforms:
                try:
                    stamp, matrix = stamp_from_time(t.header.stamp), matrix_from_transform(t.transform)
                except InputError:
                    continue  # one of the robot's own lies
                self._transforms.append(SentTransform(t.header.frame_id, t.child_frame_id, stamp, matrix))
            self._changed.notify_all()


def wait_until(condition: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Wait for something that announces itself to nobody, as the discovery of an endpoint."""
    give_up = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        if time.monotonic() > give_up:
            return False
        pause.wait(0.01)
    return True


def overrides(**values: Any) -> list[Parameter]:
    """Parameter overrides; a double underscore stands for a dot."""
    return [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]


class Ear:
    """Messages of one topic, unconverted."""

    def __init__(self, node: Node, message_type: Any, topic: str, *, latched: bool = False) -> None:
        self.messages: queue.Queue[Any] = queue.Queue()
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=10, durability=durability)
        node.create_subscription(message_type, topic, self.messages.put, qos)

    def first(self, timeout: float = 10.0) -> Any:
        """The next message that was not yet asked for."""
        return self.messages.get(timeout=timeout)


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
        """As `start_unmatched`; returns when robot and node are connected, and the node is active."""
        node = self.start_unmatched(make, options, **values)
        assert wait_until(lambda: self._matched(node)), "discovery did not end"
        if active:
            assert self.client(node.get_name()).wait_until_active()
        return node

    def start_unmatched(self, make: Any, options: dict[str, Any] | None = None, **values: Any) -> Any:
        """Make a node with good parameters, but for those given, and spin it."""
        parameters = overrides(**{**self.parameters(make), **values})
        node = make(context=self.context, parameter_overrides=parameters, **(options or {}))
        self.add(node)
        return node

    def use_robot(self, robot: Robot) -> None:
        """Replace the robot by one with other publishers."""
        node, replaced = self.robot.node, (self.robot.images, self.robot.infos, self.robot.odometry)
        # In the thread that spins: it would stumble over a publisher that is destroyed while it waits.
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
        """Call a service that takes no arguments."""
        client = self.robot.node.create_client(service_type, name)
        return call(client, service_type.Request(), 10.0)

    def client(self, name: str) -> LifecycleClient:
        """Lifecycle services of a node."""
        return LifecycleClient(self.robot.node, name)

    def also_record(self, topics: dict[str, type[Any]]) -> Recorder:
        """Record topics that are only published when somebody listens; returns when somebody publishes them."""
        recorder = Recorder(self.robot.node, topics)
        assert wait_until(lambda: all(n.count_subscribers(topic) for n in self._nodes for topic in topics))
        assert wait_until(lambda: all(self.robot.node.count_publishers(topic) for topic in topics))
        return recorder

    def status_now(self, name: str) -> Any:
        """Publish the diagnostics of a node now, and return them as they come over DDS."""
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
        """Set parameters by service; returns why that was refused, or an empty string."""
        client = self.robot.node.create_client(SetParameters, f"{name}/set_parameters")
        request = SetParameters.Request(parameters=[p.to_parameter_msg() for p in overrides(**values)])
        return "; ".join(r.reason for r in call(client, request, 10.0).results if not r.successful)

    def hear(self, message_type: Any, topic: str, *, latched: bool = False) -> Ear:
        """Keep the messages of a topic as they are; returns when the publisher has found the subscriber."""
        ear = Ear(self.robot.node, message_type, topic, latched=latched)
        assert wait_until(lambda: all(n.count_subscribers(topic) for n in self._nodes))
        return ear

    def close(self) -> None:
        """Stop spinning, then destroy the nodes."""
        for spin in reversed(self._stack):
            spin.__exit__(None, None, None)
        for node in reversed(self._nodes):
            node.destroy_node()

    def _matched(self, node: Any) -> bool:
        """Whether every publisher knows its subscribers, so that nothing is sent into the void."""
        robot = self.robot
        heard = [robot.images, robot.infos, robot.static, robot.tf]
        if node.get_name() == "dmn":
            heard.append(robot.initial)
            if node.resolve_topic_name("odom") == robot.odometry.topic_name:
                heard.append(robot.odometry)
        names = {robot.node.resolve_topic_name(topic) for topic in robot.topics}
        answers = [p for p in node.publishers if p.topic_name in names]
        topics = {publisher.topic_name for publisher in heard}
        # Best-effort images are lost until the node has found the robot, too. Not on Humble, where nobody can ask that.
        ears = [ear for ear in node.subscriptions if ear.topic_name in topics and hasattr(ear, "get_publisher_count")]
        return all(publisher.get_subscription_count() > 0 for publisher in heard + answers) and all(
            ear.get_publisher_count() > 0 for ear in ears
        )

    def add(self, node: Node) -> None:
        """Spin a node in a thread of its own until the end of the test."""
        self._nodes.append(node)
        self._stack.append(spinning(node))
        self._stack[-1].__enter__()
