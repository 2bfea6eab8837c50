"""Parameters of vlocnet and dmn that follow from the arguments of localization.launch.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deep_localization.params_file import in_namespace, parameters_of
from localization_common.errors import ConfigError
from localization_common.place.parts import PARTS

NODES = ("vlocnet", "dmn")

#: Value of an argument that names nothing: `ros2 launch` refuses an empty one.
NONE = "none"

#: Arguments that are true or false; those of nodes may be empty.
SWITCHES = ("use_sim_time", "autostart", "initialize_at_saved_pose", "use_respawn", "rviz", "composed")

_SHARED = (
    "place", "use_sim_time", "autostart", "image_transport", "base_frame_id", "camera_frame_id", "odom_frame_id",
    "global_frame_id", "initialize_at_saved_pose",
)  # fmt: skip
#: Launch argument -> nodes and their parameters.
PARAMETERS = {
    **{name: (("vlocnet", name), ("dmn", name)) for name in _SHARED},
    "checkpoint": (("vlocnet", "checkpoint"),),
    "keyframe_map": (("vlocnet", "keyframe_map"),),
    "dmn_checkpoint": (("dmn", "checkpoint"),),
    "context_map": (("dmn", "map_path"),),
}


def given_parameters(given: dict[str, str], namespace: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the launch arguments that are not empty as the content of a parameter file.

    If several keys match a node, ROS uses the one that was new last. These keys match the nodes, and no other file has
    them.

    Args:
        given: launch arguments; switches are ``true``, ``false`` or empty.
        namespace: namespace of the nodes, such as ``/robot1``; empty for none.
        names: nodes of the process.
    """
    parameters: dict[str, dict[str, Any]] = {name: {} for name in names}
    for argument, targets in PARAMETERS.items():
        value = given[argument]
        for name, parameter in targets:
            if value and name in names:
                named = "" if (argument, value) == ("checkpoint", NONE) else value
                parameters[name][parameter] = value == "true" if argument in SWITCHES else named
    if given["amcl_pose"]:
        for name in names:
            parameters[name]["amcl_pose"] = name == given["amcl_pose"]
    return {f"{namespace}/{name}/**": {"ros__parameters": values} for name, values in parameters.items() if values}


def has_network(parameters: dict[str, Any]) -> bool:
    """Return True if vlocnet's parameters give it a network, and so odometry: a checkpoint, or a place with one."""
    if parameters.get("checkpoint"):
        return True
    place = parameters.get("place", "")
    return bool(place) and Path(place).expanduser().joinpath(PARTS["vlocnet"].file).is_file()


def check_amcl_pose(parameters: dict[str, dict[str, Any]]) -> None:
    """Refuse two publishers of amcl_pose.

    Args:
        parameters: node -> its parameters.

    Raises:
        ConfigError: both nodes would publish it.
    """
    if all(parameters[name].get("amcl_pose") for name in NODES):
        raise ConfigError("params_file: amcl_pose is true for vlocnet and for dmn; give amcl_pose:=NODE, one of them")


def amcl_pose_notes(publisher: str, content: dict[str, Any], namespace: str) -> list[str]:
    """Return a sentence if a parameter file wants amcl_pose of another node than the launch argument does.

    Args:
        publisher: launch argument amcl_pose; empty for none.
        content: content of the parameter file.
        namespace: namespace of the nodes, such as ``/robot1``; empty for none.
    """
    contents = [content, in_namespace(content, namespace, NODES)]
    return [
        f"amcl_pose of {publisher}, not of {name}: amcl_pose:={publisher} counts more than params_file"
        for name in NODES
        if publisher and name != publisher and parameters_of(f"{namespace}/{name}", contents).get("amcl_pose")
    ]
