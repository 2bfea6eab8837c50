"""Test of examples/nav2: both nodes under Nav2's lifecycle manager, or under a stand-in where Nav2 is not installed."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from fleet import CONFIRMED, FRAMES, FleetRobot, drive_all, place_of_both, robots_in
from fleet_checks import assert_own_names, assert_own_poses, assert_saved
from geometry_msgs.msg import PoseWithCovarianceStamped
from launch_process import Launch, launch
from rclpy.context import Context
from rclpy.qos import DurabilityPolicy, QoSProfile
from stage_robot import Robot
from test_localization_launch import NAMESPACE, await_active, drive, parameters, place_of
from tf2_msgs.msg import TFMessage
from waiting import wait_until

from deep_localization.evaluation.processes import PROFILE_VARIABLES

pytest.importorskip("ros2launch", reason="ros2launch is not installed: launch files are tested with ROS 2's own tools")

pytestmark = pytest.mark.timeout(280)
STAND_IN = Path(__file__).with_name("nav2_stand_in.py")
PROGRAMS = ("map_server", "lifecycle_manager")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "nav2"
LAUNCH_FILE = EXAMPLE / "nav2_localization.launch.py"


def installed(package: str) -> bool:
    """Return True if a package is in ROS 2's index."""
    try:
        return bool(get_package_prefix(package))
    except PackageNotFoundError:
        return False


def write_grid(place: Path) -> None:
    """Write an occupancy grid of 2 x 2 free cells."""
    (place / "occupancy.pgm").write_bytes(b"P5\n2 2\n255\n" + bytes([254] * 4))
    numbers = {"resolution": 0.05, "origin": [0.0, 0.0, 0.0], "negate": 0, "occupied_thresh": 0.65, "free_thresh": 0.25}
    (place / "occupancy.yaml").write_text(yaml.safe_dump({"image": "occupancy.pgm", "mode": "trinary", **numbers}))


@pytest.fixture
def nav2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install stand-ins as Nav2's packages, unless Nav2 itself is installed."""
    if all(installed(f"nav2_{program}") for program in PROGRAMS):
        return
    prefix = tmp_path / "install"
    for program in PROGRAMS:
        package = f"nav2_{program}"
        marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
        file = prefix / "lib" / package / program
        for path, text in ((marker, ""), (file, f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" {program} "$@"\n')):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{prefix}:{os.environ['AMENT_PREFIX_PATH']}")
    helpers = [str(STAND_IN.parent), str(STAND_IN.parents[1] / "ros"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, helpers)))


@pytest.mark.usefixtures("nav2")
def test_the_nodes_are_in_amcls_place(robot: Robot, models: Path, tmp_path: Path) -> None:
    place = place_of(models, tmp_path / "kitchen")
    write_grid(place)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    poses: list[object] = []
    robot.node.create_subscription(PoseWithCovarianceStamped, "amcl_pose", poses.append, latched)
    given = {"namespace": NAMESPACE, "place": place, "base_frame_id": "base_link", "odom": "vlocnet/odometry"}
    given |= {"autostart": "True", "use_sim_time": "0"}  # in the spellings of ROS 2's conditions
    with launch(LAUNCH_FILE, tmp_path, **given) as launched:
        assert wait_until(lambda: "Managed nodes are active" in launched.output(), 180.0), launched.output()
        await_active(robot)
        assert f"Loading yaml file: {place}/occupancy.yaml" in launched.output()
        assert parameters(robot, "vlocnet", "tf_mode", "amcl_pose", "autostart") == ["map_odom", True, False]
        names = ("tf_mode", "amcl_pose", "initialize_at_saved_pose", "threads")  # of nav2_params.yaml, by bare keys
        assert parameters(robot, "dmn", *names) == ["none", False, True, 1]
        publishers = {info.node_name for info in robot.node.get_publishers_info_by_topic(f"{NAMESPACE}/tf")}
        assert publishers >= {"vlocnet", "dmn"}
        robot.static = robot.node.create_publisher(TFMessage, "tf_static", latched)
        assert wait_until(lambda: robot.static.get_subscription_count() >= 2)
        drive(robot)
        assert wait_until(lambda: bool(poses))
        output = launched.end()
        for name in ("vlocnet", "dmn"):  # Nav2's own programs end with an error at some signals
            assert re.search(rf"\[{name}-\d+\]: process has finished cleanly", output), output
        assert "Traceback" not in output, output
        assert not launched.alive()


@pytest.mark.usefixtures("nav2")
def test_a_killed_process_is_activated_again(
    ros_domain: int, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill a node as a lack of memory does; with Fast DDS's default lease, Nav2's manager would call it without end."""
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name)  # the launch file sets the profile of a robot
    place = place_of(models, tmp_path / "kitchen")
    write_grid(place)
    given = {"place": place, "base_frame_id": "base_link", "odom": "vlocnet/odometry", "use_respawn": True}
    with launch(LAUNCH_FILE, tmp_path, **given) as launched:
        assert wait_until(lambda: launched.output().count("Managed nodes are active") == 1, 90.0), launched.output()
        (process,) = re.findall(r"\[vlocnet-\d+\]: process started with pid \[(\d+)\]", launched.output())
        os.kill(int(process), signal.SIGKILL)
        assert wait_until(lambda: launched.output().count("Managed nodes are active") == 2, 90.0), launched.output()
        launched.end()


@pytest.mark.usefixtures("nav2")
def test_a_place_without_a_grid_is_refused(ros_domain: int, models: Path, tmp_path: Path) -> None:
    place = place_of(models, tmp_path / "kitchen")
    with launch(LAUNCH_FILE, tmp_path, place=place) as launched:
        assert launched.process.wait(60.0) == 1
    assert f"no occupancy grid {place}/occupancy.yaml: give place:=PLACE, or map:=FILE.yaml" in launched.output()


@pytest.mark.usefixtures("nav2")
def test_two_robots_in_one_place_share_nothing(context: Context, models: Path, tmp_path: Path) -> None:
    """Check topics, services, TF and saved poses of two launches; test/ros/test_two_robots.py checks the bonds, too."""
    with robots_in(context) as robots, ExitStack() as stack:
        place = place_of_both(robots, models, tmp_path / "home")
        write_grid(place.path)
        launches = [stack.enter_context(launch_robot(robot, place.path, tmp_path / robot.name)) for robot in robots]
        assert wait_until(lambda: all("Managed nodes are active" in one.output() for one in launches), 180.0)
        for robot in robots:
            robot.await_nodes(composed=True)
        drive_all(robots, range(FRAMES))
        for robot in robots:
            assert_own_poses(robot, range(CONFIRMED, FRAMES))
        assert_own_names(robots)
        assert "Traceback" not in launches[0].end()
        drive_all(robots[1:], range(FRAMES, FRAMES + 1))
        assert_own_poses(robots[1], range(FRAMES, FRAMES + 1))
        assert "Traceback" not in launches[1].end()
        assert_saved(robots, place)


def launch_robot(robot: FleetRobot, place: Path, folder: Path) -> AbstractContextManager[Launch]:
    """Launch the example for one robot, as docs/nav2.md has it, with both nodes in one process."""
    folder.mkdir()
    shipped = yaml.safe_load((EXAMPLE / "nav2_params.yaml").read_text())
    others = {name: section["ros__parameters"] for name, section in shipped.items()}
    given = {"image": f"/{robot.name}/image", "odom": f"/{robot.name}/odom", "base_frame_id": "base_link"}
    given |= {"params_file": robot.write_parameters(folder / "params.yaml", **others), "composed": True}
    return launch(LAUNCH_FILE, folder, namespace=robot.name, place=place, **given)
