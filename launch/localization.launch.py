"""Launch file of both nodes, vlocnet and dmn, in two processes or in one.

Parameters are read from these sources, and later ones override earlier ones: config/vlocnet.yaml and config/dmn.yaml,
config/localization.yaml, config/shipped_models.yaml unless there is a place, the file params_file, and the launch
arguments that are not empty. There is a place if the launch argument or params_file names one.
"""

import weakref
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, GroupAction, LogInfo, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

from deep_localization.camera_topics import camera_topics, check_topic
from deep_localization.params_file import in_namespace, place_in, read_params_file
from localization_common.place.parts import PARTS

PACKAGE = "deep_localization"

ARGUMENTS = {
    "namespace": ("", "Namespace of the nodes; their topics are relative to it, /tf is not."),
    "params_file": (
        "",
        "YAML file with parameters of the nodes, also one of Nav2 for all nodes: the keys vlocnet and dmn count in "
        "every namespace, and $(find-pkg-share ...) and $(env ...) are replaced.",
    ),
    "use_sim_time": ("", "true or false: use the time of /clock. Empty: as in params_file."),
    "autostart": ("", "true or false: activate the nodes at start. Empty: as in params_file, else true."),
    "use_respawn": ("false", "Start a node again after it ended."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "rviz": ("false", "Open RViz."),
    "rerun": ("false", "Show the nodes in Rerun (rerun-sdk): true opens its viewer; web serves it; else a file, .rrd."),
    "place": (
        "",
        "Directory of a place, made by localization_map: networks and maps of both nodes. Empty: as in params_file.",
    ),
    "checkpoint": (
        "",
        "Checkpoint of vlocnet. Empty: as in params_file, else that of the place; without a place, that of the "
        "simulated apartment. none: no file is named; without a network, poses come from keyframes and odom.",
    ),
    "dmn_checkpoint": ("", "Checkpoint of dmn. Empty: as for vlocnet."),
    "context_map": ("", "Context map of dmn, made by dmn_build_map. Empty: as for vlocnet."),
    "keyframe_map": (
        "",
        "Keyframe map that refines vlocnet's poses. Empty: as in params_file, else that of the place; without a place, "
        "none.",
    ),
    "image": ("", "Topic of the camera's images, for example /camera/color/image_raw. Empty: image."),
    "camera_info": ("", "Topic of the calibration. Empty: camera_info beside the image, in the same namespace."),
    "image_transport": (
        "",
        "raw, or compressed for images on IMAGE/compressed. Empty: as in params_file, else raw; "
        "compressed if image ends in /compressed.",
    ),
    "odom": (
        "",
        "Topic of the robot's odometry, for example /odom: it moves dmn's particles, and vlocnet's pose if that has no "
        "network. Empty: topic of odometry.",
    ),
    "odometry": (
        "",
        "Topic of the odometry if odom is empty. Empty: vlocnet/odometry, for robots without another; odom if neither "
        "checkpoint nor the place gives vlocnet a network.",
    ),
    "base_frame_id": ("", "Frame of the robot's base, for example base_link. Empty: as in params_file."),
    "camera_frame_id": ("", "Optical frame of the camera. Empty: as in params_file, else that of the images."),
    "odom_frame_id": ("", "Frame of the odometry. Empty: as in params_file, else odom."),
    "global_frame_id": ("", "Frame of the map. Empty: as in params_file, else map."),
    "proposal": (
        "vlocnet/pose",
        "Topic of poses from which dmn draws some of its particles. none: topic proposal.",
    ),
    "guess": (
        "dmn/pose",
        "Topic of poses at which vlocnet searches the keyframe map, too, while it does not find its pose. none: topic "
        "guess.",
    ),
    "amcl_pose": (
        "",
        "vlocnet or dmn: the node that publishes its pose on amcl_pose, too, as Nav2's tools expect. Empty: as in "
        "params_file, else none.",
    ),
    "initialize_at_saved_pose": ("", "true or false: start at the last pose in the place. Empty: as in params_file."),
    "composed": ("false", "Run both nodes in one process, where each image is received and decoded once."),
}

CHOICES = {"image_transport": ["", "raw", "compressed"], "amcl_pose": ["", "vlocnet", "dmn"]}

BOOLEANS = {"true": True, "false": False}

# Value of an argument that names nothing: `ros2 launch` refuses an empty one.
NONE = "none"

# Launch argument -> nodes and their parameters.
SHARED = (
    "place", "use_sim_time", "autostart", "image_transport", "base_frame_id", "camera_frame_id", "odom_frame_id",
    "global_frame_id", "initialize_at_saved_pose",
)  # fmt: skip
PARAMETERS = {
    **{name: (("vlocnet", name), ("dmn", name)) for name in SHARED},
    "checkpoint": (("vlocnet", "checkpoint"),),
    "keyframe_map": (("vlocnet", "keyframe_map"),),
    "dmn_checkpoint": (("dmn", "checkpoint"),),
    "context_map": (("dmn", "map_path"),),
}

#: Launch arguments that the viewer has as parameters, too; it draws the keyframe map of the place if none is named.
RERUN_PARAMETERS = ("keyframe_map", "base_frame_id", "image_transport")


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the nodes."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description, choices=CHOICES.get(name))
        for name, (default, description) in ARGUMENTS.items()
    ]
    namespace = PushRosNamespace(LaunchConfiguration("namespace"))
    return LaunchDescription([*arguments, GroupAction([namespace, OpaqueFunction(function=make_nodes)])])


def make_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make two processes, or one with both nodes, and RViz.

    Raises:
        ConfigError: the name of a topic is wrong; launch prints the message and ends.
    """
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    camera = camera_topics(given["image"], given["camera_info"], given["image_transport"])
    for name in ("odom", "odometry", "proposal", "guess"):
        check_topic(name, given[name])
    context.launch_configurations["image_transport"] = camera.transport
    proposal, guess = ("" if given[name] == NONE else given[name] for name in ("proposal", "guess"))
    odom = given["odom"] or given["odometry"] or ("vlocnet/odometry" if vlocnet_has_network(context) else "")
    both = {"image": camera.image, "camera_info": camera.camera_info, "odom": odom}
    vlocnet, dmn = both | {"guess": guess}, both | {"proposal": proposal}
    if IfCondition(LaunchConfiguration("composed")).evaluate(context):
        nodes = [node(context, "localization", ("vlocnet", "dmn"), vlocnet | dmn)]
    else:
        nodes = [node(context, "vlocnet", ("vlocnet",), vlocnet), node(context, "dmn", ("dmn",), dmn)]
    viewers = [rviz(context), *rerun(context, {"image": camera.image, "camera_info": camera.camera_info})]
    return [*(LogInfo(msg=note) for note in camera.notes), *nodes, *viewers]


def node(context: LaunchContext, executable: str, names: tuple[str, ...], topics: dict[str, str]) -> Node:
    """Make a process that runs the nodes of these names; a topic is remapped unless its new name is empty."""
    files = [shared("config", f"{name}.yaml") for name in (*names, "localization")]
    if not place_of(context):
        files.append(ParameterFile(shared("config", "shipped_models.yaml"), allow_substs=True))
    if params_file := LaunchConfiguration("params_file").perform(context):
        files.append(ParameterFile(params_file, allow_substs=True))
        bare = in_namespace(read_params_file(params_file), namespace_of(context), names)
        files += [ParameterFile(file, allow_substs=True) for file in written(context, bare)]
    files += written(context, given_parameters(context, names))
    return Node(
        package=PACKAGE,
        executable=executable,
        parameters=files,
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        remappings=[(topic, name) for topic, name in topics.items() if name],
        respawn=LaunchConfiguration("use_respawn"),
        respawn_delay=1.0,
        output="screen",
        emulate_tty=True,
    )


def vlocnet_has_network(context: LaunchContext) -> bool:
    """Return True if vlocnet's odometry will exist: checkpoint, the place or the shipped models give it a network."""
    checkpoint, place = LaunchConfiguration("checkpoint").perform(context), place_of(context)
    if checkpoint not in ("", NONE):
        return True
    if place:
        return Path(place).expanduser().joinpath(PARTS["vlocnet"].file).is_file()
    return checkpoint != NONE


def place_of(context: LaunchContext) -> str:
    """Return the place that the launch argument or params_file names; empty without one: then networks are shipped."""
    place, params_file = (LaunchConfiguration(name).perform(context) for name in ("place", "params_file"))
    return place or place_in(read_params_file(params_file))


def namespace_of(context: LaunchContext) -> str:
    """Return the namespace of the nodes; empty for none."""
    return context.launch_configurations.get("ros_namespace", "").rstrip("/")


def given_parameters(context: LaunchContext, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the launch arguments that are not empty as the content of a parameter file.

    The keys are the full names of the nodes: if several keys match a node, ROS uses the one that was new last, and
    params_file may have keys with wildcards, too. A dictionary is possible for one node in a process, not for two.
    """
    namespace = namespace_of(context)
    parameters: dict[str, dict] = {}
    for argument, targets in PARAMETERS.items():
        value = LaunchConfiguration(argument).perform(context)
        for name, parameter in targets:
            if value and name in names:
                node_parameters = parameters.setdefault(f"{namespace}/{name}", {"ros__parameters": {}})
                named = "" if (argument, value) == ("checkpoint", NONE) else BOOLEANS.get(value.lower(), value)
                node_parameters["ros__parameters"][parameter] = named
    if (name := LaunchConfiguration("amcl_pose").perform(context)) in names:
        parameters.setdefault(f"{namespace}/{name}", {"ros__parameters": {}})["ros__parameters"]["amcl_pose"] = True
    return parameters


def written(context: LaunchContext, parameters: dict[str, Any]) -> list[str]:
    """Write a parameter file, which is deleted when launch ends; return its path, or nothing without parameters."""
    if not parameters:
        return []
    with NamedTemporaryFile("w", prefix="localization_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(parameters, file)
    weakref.finalize(context, Path(file.name).unlink, missing_ok=True)
    return [file.name]


def rviz(context: LaunchContext) -> Node:
    """Make RViz with the displays of this package; its topics are relative to the namespace."""
    simulated = LaunchConfiguration("use_sim_time").perform(context).lower() == "true"
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", shared("rviz", "localization.rviz")],
        ros_arguments=["-p", f"use_sim_time:={str(simulated).lower()}"],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )


def rerun(context: LaunchContext, topics: dict[str, str]) -> list[Node]:
    """Make Rerun's viewer, if it is asked for; without rerun-sdk, it prints how to install it and ends.

    Args:
        topics: topics of the camera -> their names here.
    """
    asked = LaunchConfiguration("rerun").perform(context)
    if asked.lower() == "false":
        return []
    show = {"true": "window", "web": "web"}.get(asked.lower(), "file")
    given = {name: LaunchConfiguration(name).perform(context) for name in RERUN_PARAMETERS}
    texts = given | {"show": show, "place": place_of(context), "file": asked if show == "file" else ""}
    parameters: dict[str, object] = {n: ParameterValue(text, value_type=str) for n, text in texts.items() if text}
    parameters["use_sim_time"] = LaunchConfiguration("use_sim_time").perform(context).lower() == "true"
    params_file = LaunchConfiguration("params_file").perform(context)
    return [
        Node(
            package=PACKAGE,
            executable="rerun_viewer",
            parameters=[*([params_file] if params_file else []), parameters],
            remappings=[(topic, name) for topic, name in topics.items() if name],
            output="screen",
        )
    ]


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])
