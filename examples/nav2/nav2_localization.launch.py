"""Localization for Nav2: map_server, vlocnet, dmn and their lifecycle manager, in place of amcl.

    ros2 launch deep_localization nav2_localization.launch.py place:=/maps/kitchen \\
        image:=/camera/color/image_raw odom:=/odom base_frame_id:=base_link

It replaces nav2_bringup's localization_launch.py and takes its arguments, except `use_composition`. Then
`ros2 launch nav2_bringup navigation_launch.py` starts the rest of Nav2. docs/nav2.md has the whole way.
"""

from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace, SetRemap
from launch_ros.substitutions import FindPackageShare

from deep_localization.evaluation.processes import PROFILE_VARIABLES
from deep_localization.params_file import read_params_file

HERE = Path(__file__).resolve().parent

ARGUMENTS = {
    "place": ("", "Directory of a place, made by localization_map."),
    "map": ("", "YAML file of the occupancy grid. Empty: that of the place."),
    "namespace": ("", "Namespace of the robot; TF is in it, too, as Nav2 has it."),
    "params_file": (str(HERE / "nav2_params.yaml"), "YAML file with the parameters of all nodes."),
    "use_sim_time": ("false", "true or false: use the time of /clock."),
    "autostart": ("true", "true or false: activate all nodes."),
    "use_respawn": ("false", "Start a node again after it ended; the lifecycle manager activates it again."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
}

# Arguments that are true or false, in any case, as Nav2's documents write them: True.
SWITCHES = ("use_sim_time", "autostart", "use_respawn")

# Arguments of localization.launch.py that are passed on if they are given.
PASSED = ("image", "camera_info", "image_transport", "odom", "base_frame_id", "camera_frame_id", "composed")


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the nodes."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    # A killed process must leave the ROS graph before the lifecycle manager calls its services.
    profile = shared("config", "fastdds_robot.xml")
    environment = [
        SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=profile)) for name in PROFILE_VARIABLES
    ]
    return LaunchDescription([*arguments, *environment, OpaqueFunction(function=make_actions)])


def make_actions(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make the nodes in the namespace, with its own TF.

    Raises:
        RuntimeError: there is no occupancy grid.
    """
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    switches = {name: IfCondition(LaunchConfiguration(name)).evaluate(context) for name in SWITCHES}
    passed = {name: context.launch_configurations[name] for name in PASSED if name in context.launch_configurations}
    same = ("place", "namespace", "params_file", "log_level")
    localization = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(shared("launch", "localization.launch.py")),
        launch_arguments={
            **{name: given[name] for name in same},
            **{name: str(switched).lower() for name, switched in switches.items()},
            **passed,
            "autostart": "false",  # the lifecycle manager activates the nodes
            "amcl_pose": "vlocnet",
        }.items(),
    )
    names = ["map_server", "vlocnet", "dmn"]
    return [
        GroupAction(
            [
                SetRemap("/tf", "tf"),
                SetRemap("/tf_static", "tf_static"),
                localization,
                PushRosNamespace(given["namespace"]),
                nav2("map_server", "map_server", {"yaml_filename": occupancy(given)}, given, switches),
                nav2(
                    "lifecycle_manager",
                    "lifecycle_manager_localization",
                    {"node_names": names, "autostart": switches["autostart"]},
                    given,
                    switches,
                ),
            ]
        )
    ]


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare("deep_localization"), *parts])


def nav2(program: str, name: str, own: dict[str, Any], given: dict[str, str], switches: dict[str, bool]) -> Node:
    """Make a node of Nav2 with parameters of its own; its bare name in params_file counts in every namespace."""
    section = read_params_file(given["params_file"]).get(name) or {}
    bare = section.get("ros__parameters") or {}
    time = {"use_sim_time": switches["use_sim_time"]}
    return Node(
        package=f"nav2_{program}",
        executable=program,
        name=name,
        parameters=[given["params_file"], bare | time | own],
        ros_arguments=["--log-level", given["log_level"]],
        respawn=switches["use_respawn"],
        respawn_delay=2.0,
        output="screen",
    )


def occupancy(given: dict[str, str]) -> str:
    """Return the file of the occupancy grid.

    Raises:
        RuntimeError: there is none.
    """
    file = Path(given["map"] or Path(given["place"], "occupancy.yaml")).expanduser()
    if not file.is_file():
        raise RuntimeError(f"no occupancy grid {file}: give place:=PLACE, or map:=FILE.yaml, a grid in its map frame")
    return str(file.resolve())
