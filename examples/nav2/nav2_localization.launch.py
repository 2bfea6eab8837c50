"""Localization for Nav2: map_server, vlocnet, dmn and their lifecycle manager, in place of amcl.

    ros2 launch deep_localization nav2_localization.launch.py place:=/maps/kitchen \\
        image:=/camera/color/image_raw odom:=/odom base_frame_id:=base_link

It replaces nav2_bringup's localization_launch.py and takes its arguments, except `use_composition`. Then
`ros2 launch nav2_bringup navigation_launch.py` starts the rest of Nav2. docs/nav2.md has the whole way.
"""

import os
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
from launch.frontend.parse_substitution import parse_substitution
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch.utilities import perform_substitutions
from launch_ros.actions import Node, PushRosNamespace, SetRemap
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import FindPackageShare

from deep_localization.evaluation.processes import PROFILE_VARIABLES
from deep_localization.params_file import in_namespace, parameters_of, place_in, read_params_file, write_params_file
from deep_localization.switches import switch
from localization_common.errors import ConfigError
from localization_common.place.parts import PARTS

HERE = Path(__file__).resolve().parent

ARGUMENTS = {
    "place": ("", "Directory of a place, made by localization_map. Empty: as in params_file."),
    "map": ("", "YAML file of the occupancy grid. Empty: map_server's in params_file, else that of the place."),
    "namespace": ("", "Namespace of the robot; TF is in it, too, as Nav2 has it."),
    "params_file": (str(HERE / "nav2_params.yaml"), "YAML file with the parameters of all nodes."),
    "use_sim_time": ("false", "true or false: use the time of /clock."),
    "autostart": ("true", "true or false: activate all nodes."),
    "use_respawn": ("false", "Start a node again after it ended; the lifecycle manager activates it again."),
    "amcl_pose": ("vlocnet", "vlocnet or dmn: the only node that publishes its pose on amcl_pose."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
}

# Arguments that are true or false, also as Nav2's documents write them: True.
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
        ConfigError: a switch is neither true nor false.
    """
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    given["params_file"] = os.path.expanduser(given["params_file"])
    switches = {name: switch(name, given[name]) for name in SWITCHES}
    passed = {name: context.launch_configurations[name] for name in PASSED if name in context.launch_configurations}
    same = ("place", "namespace", "params_file", "log_level", "amcl_pose")
    localization = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(shared("launch", "localization.launch.py")),
        launch_arguments={
            **{name: given[name] for name in same},
            **{name: str(switched).lower() for name, switched in switches.items()},
            **passed,
            "autostart": "false",  # the lifecycle manager activates the nodes
        }.items(),
    )
    nav2_nodes = OpaqueFunction(function=make_nav2_nodes, args=[given, switches])
    return [
        GroupAction(
            [
                SetRemap("/tf", "tf"),
                SetRemap("/tf_static", "tf_static"),
                GroupAction([PushRosNamespace(given["namespace"]), nav2_nodes]),  # refuses before any node starts
                localization,
            ]
        )
    ]


def make_nav2_nodes(context: LaunchContext, given: dict[str, str], switches: dict[str, bool]) -> list[Node]:
    """Make map_server and the lifecycle manager in the namespace of the context.

    Raises:
        ConfigError: there is no occupancy grid.
    """
    namespace = context.launch_configurations.get("ros_namespace", "").rstrip("/")
    content = read_params_file(
        given["params_file"], lambda text: perform_substitutions(context, parse_substitution(text))
    )
    grid = occupancy(given, content, namespace)
    managed = {"node_names": ["map_server", "vlocnet", "dmn"], "autostart": switches["autostart"]}
    nodes = []
    for program, name, own in (
        ("map_server", "map_server", {"yaml_filename": grid}),
        ("lifecycle_manager", "lifecycle_manager_localization", managed),
    ):
        files = [ParameterFile(given["params_file"], allow_substs=True)] if given["params_file"] else []
        if bare := in_namespace(content, namespace, (name,)):
            files.append(write_params_file(bare, context))
        nodes.append(nav2(program, name, [*files, own | {"use_sim_time": switches["use_sim_time"]}], given, switches))
    return nodes


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare("deep_localization"), *parts])


def nav2(program: str, name: str, parameters: list[Any], given: dict[str, str], switches: dict[str, bool]) -> Node:
    """Make a node of Nav2 with these parameters: files and dictionaries."""
    return Node(
        package=f"nav2_{program}",
        executable=program,
        name=name,
        parameters=parameters,
        ros_arguments=["--log-level", given["log_level"]],
        respawn=switches["use_respawn"],
        respawn_delay=2.0,
        output="screen",
    )


def occupancy(given: dict[str, str], content: dict[str, Any], namespace: str) -> str:
    """Return the file of the occupancy grid: argument, map_server's file in params_file, or that of the place.

    Raises:
        ConfigError: there is none.
    """
    server = f"{namespace}/map_server"
    named = parameters_of(server, (content, in_namespace(content, namespace, ("map_server",)))).get("yaml_filename")
    place = given["place"] or place_in(content, namespace)
    file = given["map"] or named or (place and Path(place, PARTS["occupancy"].file))
    if not file or not Path(file).expanduser().is_file():
        missing = f"no occupancy grid {file}".rstrip()
        raise ConfigError(f"{missing}: give place:=PLACE, or map:=FILE.yaml, a grid in its map frame")
    return str(Path(file).expanduser().resolve())
