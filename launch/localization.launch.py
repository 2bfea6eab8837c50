"""Both nodes: vlocnet and dmn, as two processes or as one.

Parameters come from these, each overriding the one before: config/vlocnet.yaml and config/dmn.yaml,
config/localization.yaml, the file params_file, and those launch arguments that are not empty.
"""

from tempfile import NamedTemporaryFile

import yaml
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import FindPackageShare

PACKAGE = "deep_localization"

ARGUMENTS = {
    "namespace": ("", "Namespace of the nodes; their topics are relative to it, /tf is not."),
    "params_file": (
        "",
        "YAML file with parameters of the nodes, after the manner of config/vlocnet.yaml and dmn.yaml.",
    ),
    "use_sim_time": ("", "true or false: whether time comes from /clock. Empty: as params_file says."),
    "autostart": ("", "true or false: whether the nodes activate themselves. Empty: as params_file says, else true."),
    "use_respawn": ("false", "Whether a node that ended is started again."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "rviz": ("false", "Whether to open RViz."),
    "checkpoint": ("", "vlocnet's network. Empty: as params_file says, else that of the simulated apartment."),
    "dmn_checkpoint": ("", "dmn's network. Empty: likewise."),
    "map": ("", "dmn's map, which dmn_build_map makes. Empty: likewise."),
    "keyframe_map": ("", "Map that vlocnet's poses are refined against. Empty: as params_file says, else none."),
    "odometry": ("vlocnet/odometry", "Topic of the odometry that moves dmn's particles, for example odom."),
    "proposal": (
        "vlocnet/pose",
        "Topic of poses at which dmn tries some of its particles. Empty: none but what is published on proposal.",
    ),
    "composed": ("false", "Whether both nodes run in one process, where each image is received and decoded once."),
}

BOOLEANS = {"true": True, "false": False}

# Launch argument -> nodes and their parameter.
PARAMETERS = {
    "use_sim_time": (("vlocnet", "use_sim_time"), ("dmn", "use_sim_time")),
    "autostart": (("vlocnet", "autostart"), ("dmn", "autostart")),
    "checkpoint": (("vlocnet", "checkpoint"),),
    "keyframe_map": (("vlocnet", "keyframe_map"),),
    "dmn_checkpoint": (("dmn", "checkpoint"),),
    "map": (("dmn", "map_path"),),
}


def generate_launch_description() -> LaunchDescription:
    """Arguments, and what they make."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    namespace = PushRosNamespace(LaunchConfiguration("namespace"))
    return LaunchDescription([*arguments, GroupAction([namespace, OpaqueFunction(function=make_nodes)])])


def make_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Two nodes, or one process with both; and RViz."""
    remaps = [("odom", LaunchConfiguration("odometry"))]
    if LaunchConfiguration("proposal").perform(context):
        remaps.append(("proposal", LaunchConfiguration("proposal")))
    if IfCondition(LaunchConfiguration("composed")).evaluate(context):
        nodes = [node(context, "localization", ("vlocnet", "dmn"), *remaps)]
    else:
        nodes = [node(context, "vlocnet", ("vlocnet",)), node(context, "dmn", ("dmn",), *remaps)]
    return [*nodes, rviz(context)]


def node(context: LaunchContext, executable: str, names: tuple[str, ...], *remaps: tuple) -> Node:
    """Process that runs the nodes of these names."""
    files = [shared("config", f"{name}.yaml") for name in names]
    files.append(ParameterFile(shared("config", "localization.yaml"), allow_substs=True))
    if LaunchConfiguration("params_file").perform(context):
        files.append(LaunchConfiguration("params_file"))
    files += given_parameters(context, names)
    return Node(
        package=PACKAGE,
        executable=executable,
        parameters=files,
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        remappings=list(remaps),
        respawn=LaunchConfiguration("use_respawn"),
        respawn_delay=2.0,
        output="screen",
        emulate_tty=True,
    )


def given_parameters(context: LaunchContext, names: tuple[str, ...]) -> list[str]:
    """File with the launch arguments that are not empty, as parameters; none if all are.

    It names each node in full: of keys that match a node ROS lets the one that was new last win, and keys with
    wildcards may be in params_file, too. A dictionary would do for one node in a process, not for two.
    """
    namespace = context.launch_configurations.get("ros_namespace", "").rstrip("/")
    parameters: dict[str, dict] = {}
    for argument, targets in PARAMETERS.items():
        value = LaunchConfiguration(argument).perform(context)
        for name, parameter in targets:
            if value and name in names:
                node_parameters = parameters.setdefault(f"{namespace}/{name}", {"ros__parameters": {}})
                node_parameters["ros__parameters"][parameter] = BOOLEANS.get(value.lower(), value)
    if not parameters:
        return []
    with NamedTemporaryFile("w", prefix="localization_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(parameters, file)
    return [file.name]


def rviz(context: LaunchContext) -> Node:
    """RViz with our displays; its topics are relative to the namespace."""
    simulated = LaunchConfiguration("use_sim_time").perform(context).lower() == "true"
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", shared("rviz", "localization.rviz")],
        parameters=[{"use_sim_time": simulated}],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])
