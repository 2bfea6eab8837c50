"""Two robots in one ROS domain and one place, each in its own namespace with its own TF, as docs/nav2.md has it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from geometry_msgs.msg import PoseWithCovarianceStamped
from made_places import make_place
from rclpy.context import Context
from rclpy.node import Node
from stage_drive import RobotDrive
from stage_robot import Robot
from test_amcl_interface import CERTAIN
from waiting import wait_until

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.keyframes.building import KeyframeConfig, build, choose
from localization_common.place import Place
from localization_common.ros.recorder import Recorder
from localization_common.ros.spinning import spinning

NODES = ("vlocnet", "dmn")
#: Remaps with which Nav2 puts TF into the namespace; those of examples/nav2/nav2_localization.launch.py.
TF = ["-r", "/tf:=tf", "-r", "/tf_static:=tf_static"]
#: First frame of each robot in the simulated drive at 10 Hz: two rooms, three metres from each other.
STARTS = {"robot1": 160, "robot2": 500}
FRAMES = 10
#: The first frame at which vlocnet confirms its pose.
CONFIRMED = 2
#: Topics that all robots share: ROS has them once.
GLOBAL = {"/diagnostics", "/parameter_events", "/rosout"}


class FleetRobot(RobotDrive):
    """Robot that drives in a namespace; all robots have the same names of frames, topics and stamps."""

    def __init__(self, name: str, context: Context, clip: Sequence) -> None:
        super().__init__(clip.select(np.arange(1, 2 * FRAMES + 4, 2)))
        self.name, self.clip = name, clip
        self.node = Node("robot", namespace=name, context=context, cli_args=["--ros-args", *TF])
        self.robot = Robot(self.node)
        self.amcl = Recorder(self.node, {"amcl_pose": PoseWithCovarianceStamped})

    def await_nodes(self, *, composed: bool = False) -> None:
        """Wait until both nodes receive all that the robot sends, and the robot all that they send.

        Args:
            composed: both nodes are in one process, which subscribes to the camera once.
        """
        robot = self.robot
        sent = {robot.images: 2 - composed, robot.infos: 2 - composed, robot.odometry: 2, robot.static: 2, robot.tf: 2}
        topics = [*(topic for topic in robot.topics if topic not in GLOBAL | {"vlocnet/odometry"}), "amcl_pose"]
        assert wait_until(lambda: all(one.get_subscription_count() >= count for one, count in sent.items()), 60.0)
        assert wait_until(lambda: all(self.node.count_publishers(topic) for topic in topics), 60.0)
        self.mount_camera()

    def write_parameters(self, path: Path, **others: Any) -> Path:
        """Write a parameter file: both nodes track the robot from its first frame."""
        x, y, yaw = planar.from_se3(self.queries.map_T_base[0]).tolist()
        dmn = {name.replace("__", "."): value for name, value in CERTAIN.items()}
        dmn |= {"initial_pose.x": x, "initial_pose.y": y, "initial_pose.yaw": yaw, "tf_mode": "none"}
        dmn |= {"proposal_share": 0.0, "proposal_trust": 0.0}  # it follows its own odometry and initialpose only
        both = {"base_frame_id": "base_link", "threads": 1, "process_all": True}
        sections = {"/**": both, "/**/vlocnet": {"amcl_pose": True}, "/**/dmn": dmn} | others
        path.write_text(yaml.safe_dump({name: {"ros__parameters": values} for name, values in sections.items()}))
        return path


def clips() -> dict[str, Sequence]:
    """Render the drive of each robot, at 10 Hz: frames with odd numbers are driven, the others are mapped."""
    from localization_sim import drive
    from localization_sim.rendering import open_apartment

    with open_apartment(0, Camera.from_field_of_view(320, 240, 90.0)) as renderer:
        frames = drive.as_sequence(renderer, drive.plan(renderer, "test", rate=10.0), depth=False, labels=False)
        length = 2 * FRAMES + 5
        return {name: drive.in_memory(frames.select(np.arange(i, i + length))) for name, i in STARTS.items()}


def place_of_both(robots: list[FleetRobot], models: Path, path: Path) -> Place:
    """Make one place with keyframes of both drives, without a network of vlocnet."""
    place = make_place(path)
    mapped = [one.clip.select(np.arange(0, len(one.clip), 2)) for one in robots]
    config = KeyframeConfig(metres=0.02, degrees=2.0)
    build(choose(mapped, config, lambda sequence, position: None), config).save(path / "keyframes.safetensors")
    for part, name in (("dmn", "dmn"), ("context_map", "map")):
        shutil.copy(models / f"{name}.safetensors", path / f"{part}.safetensors")
    return place


@contextmanager
def robots_in(context: Context) -> Iterator[list[FleetRobot]]:
    """Spin the robots."""
    robots = [FleetRobot(name, context, clip) for name, clip in clips().items()]
    with ExitStack() as stack:
        for one in robots:
            stack.enter_context(spinning(one.node))
        yield robots
    for one in robots:
        one.node.destroy_node()


def drive_all(robots: list[FleetRobot], positions: range) -> None:
    """Send a frame of each robot at a time, with the same stamp, and wait until all nodes have processed it."""
    for position in positions:
        stamps = [one.publish(position) for one in robots]
        for one, stamp in zip(robots, stamps, strict=True):
            for node in NODES:
                one.robot.await_processed(node, stamp)
