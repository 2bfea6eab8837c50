"""Launch file of both nodes, vlocnet and dmn, in two processes or in one.

Parameters are read from these sources, and later ones override earlier ones: config/vlocnet.yaml and config/dmn.yaml,
config/localization.yaml, config/shipped_models.yaml unless there is a place, the file params_file, and the launch
arguments that are not empty. There is a place if the launch argument or params_file names one.
"""

import os
from typing import Any

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, GroupAction, LogInfo, OpaqueFunction
from launch.conditions import IfCondition
from launch.frontend.parse_substitution import parse_substitution
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch.utilities import perform_substitutions
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

from deep_localization.camera_topics import camera_topics, check_topic
from deep_localization.launch_parameters import (
    NODES,
    NONE,
    SWITCHES,
    amcl_pose_notes,
    check_amcl_pose,
    given_parameters,
    has_network,
)
from deep_localization.params_file import in_namespace, parameters_of, place_in, read_params_file, write_params_file
from deep_localization.switches import SPELLINGS, switch

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
        "checkpoint nor the place gives vlocnet a network, here or in params_file.",
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
        "vlocnet or dmn: the only node that publishes its pose on amcl_pose, too, as Nav2's tools expect. Empty: as in "
        "params_file, else none.",
    ),
    "initialize_at_saved_pose": ("", "true or false: start at the last pose in the place. Empty: as in params_file."),
    "composed": ("false", "Run both nodes in one process, where each image is received and decoded once."),
}

CHOICES = {"image_transport": ["", "raw", "compressed"], "amcl_pose": ["", "vlocnet", "dmn"]}

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
        ConfigError: an argument is wrong, or both nodes would publish amcl_pose; launch prints the message and ends.
    """
    given = read_arguments(context)
    camera = camera_topics(given["image"], given["camera_info"], given["image_transport"])
    for name in ("odom", "odometry", "proposal", "guess"):
        check_topic(name, given[name])
    given["image_transport"] = context.launch_configurations["image_transport"] = camera.transport
    content = read_params_file(given["params_file"], lambda text: substituted(context, text))
    proposal, guess = ("" if given[name] == NONE else given[name] for name in ("proposal", "guess"))
    together = given["composed"] == "true"
    processes = {"localization": NODES} if together else {name: (name,) for name in NODES}
    files = {executable: parameter_files(context, given, content, names) for executable, names in processes.items()}
    parameters = {
        name: parameters_of(f"{namespace_of(context)}/{name}", files[executable][1])
        for executable, names in processes.items()
        for name in names
    }
    check_amcl_pose(parameters)
    odom = given["odom"] or given["odometry"] or ("vlocnet/odometry" if has_network(parameters["vlocnet"]) else "")
    both = {"image": camera.image, "camera_info": camera.camera_info, "odom": odom}
    topics = {"vlocnet": both | {"guess": guess}, "dmn": both | {"proposal": proposal}}
    topics["localization"] = topics["vlocnet"] | topics["dmn"]
    nodes = [node(executable, files[executable][0], topics[executable]) for executable in processes]
    viewers = [rviz(context), *rerun(context, content, {"image": camera.image, "camera_info": camera.camera_info})]
    notes = [*camera.notes, *amcl_pose_notes(given["amcl_pose"], content, namespace_of(context))]
    return [*(LogInfo(msg=note) for note in notes), *nodes, *viewers]


def read_arguments(context: LaunchContext) -> dict[str, str]:
    """Return the launch arguments, also as launch configurations: ~ is replaced, and switches are true or false.

    Raises:
        ConfigError: a switch is neither true nor false.
    """
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    given["params_file"] = os.path.expanduser(given["params_file"])
    for name in SWITCHES:
        if text := given[name] or ARGUMENTS[name][0]:
            given[name] = str(switch(name, text)).lower()
    context.launch_configurations.update(given)
    return given


def node(executable: str, files: list[ParameterFile | str], topics: dict[str, str]) -> Node:
    """Make a process with these parameter files; a topic is remapped unless its new name is empty."""
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


def parameter_files(
    context: LaunchContext, given: dict[str, str], content: dict[str, Any], names: tuple[str, ...]
) -> tuple[list[ParameterFile | str], list[dict[str, Any]]]:
    """Make the parameter files of a process that runs the nodes of these names; return their contents, too.

    Args:
        context: context of the launch.
        given: launch arguments.
        content: content of params_file.
        names: names of the nodes.
    """
    shipped = [] if place_of(context, content) else ["shipped_models"]
    paths = [shared("config", f"{name}.yaml").perform(context) for name in (*names, "localization", *shipped)]
    contents = [read_params_file(path, lambda text: substituted(context, text)) for path in paths]
    if given["params_file"]:
        paths.append(given["params_file"])
        contents.append(content)
    namespace = namespace_of(context)
    own = (in_namespace(content, namespace, names), given_parameters(given, namespace, names))
    made = [parameters for parameters in own if parameters]
    files: list[ParameterFile | str] = [ParameterFile(path, allow_substs=True) for path in paths]
    return files + [write_params_file(parameters, context) for parameters in made], contents + made


def substituted(context: LaunchContext, text: str) -> str:
    """Return a text with its substitutions replaced, such as $(env HOME)."""
    return perform_substitutions(context, parse_substitution(text))


def place_of(context: LaunchContext, content: dict[str, Any]) -> str:
    """Return the place that the launch argument or params_file names; empty without one: then networks are shipped."""
    return LaunchConfiguration("place").perform(context) or place_in(content, namespace_of(context))


def namespace_of(context: LaunchContext) -> str:
    """Return the namespace of the nodes; empty for none."""
    return context.launch_configurations.get("ros_namespace", "").rstrip("/")


def rviz(context: LaunchContext) -> Node:
    """Make RViz with the displays of this package; its topics are relative to the namespace."""
    simulated = LaunchConfiguration("use_sim_time").perform(context) or "false"
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", shared("rviz", "localization.rviz")],
        ros_arguments=["-p", f"use_sim_time:={simulated}"],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )


def rerun(context: LaunchContext, content: dict[str, Any], topics: dict[str, str]) -> list[Node]:
    """Make Rerun's viewer, if it is asked for; without rerun-sdk, it prints how to install it and ends.

    Args:
        context: context of the launch.
        content: content of params_file.
        topics: topics of the camera -> their names here.
    """
    asked = LaunchConfiguration("rerun").perform(context)
    switched = SPELLINGS.get(asked.lower())
    if switched is False:
        return []
    show = "window" if switched else "web" if asked.lower() == "web" else "file"
    given = {name: LaunchConfiguration(name).perform(context) for name in RERUN_PARAMETERS}
    texts = given | {"show": show, "place": place_of(context, content), "file": asked if show == "file" else ""}
    parameters: dict[str, object] = {n: ParameterValue(text, value_type=str) for n, text in texts.items() if text}
    parameters["use_sim_time"] = LaunchConfiguration("use_sim_time").perform(context) == "true"
    params_file = LaunchConfiguration("params_file").perform(context)
    return [
        Node(
            package=PACKAGE,
            executable="rerun_viewer",
            parameters=[*([ParameterFile(params_file, allow_substs=True)] if params_file else []), parameters],
            remappings=[(topic, name) for topic, name in topics.items() if name],
            output="screen",
        )
    ]


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])
