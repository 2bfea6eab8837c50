"""Parameter file of a user, as Nav2 passes it: one file for all nodes, whose keys are bare names of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localization_common.errors import ConfigError
from localization_common.files import yaml_text
from localization_common.files.reading import read_bytes

#: Largest file, bytes.
_LARGEST = 10_000_000


def read_params_file(path: str) -> dict[str, Any]:
    """Return the content of a parameter file; empty without a path.

    Raises:
        ConfigError: the file cannot be read, or is no parameter file.
    """
    if not path:
        return {}
    try:
        text = read_bytes(Path(path).expanduser(), _LARGEST).decode()
        content = yaml_text.parse(text, most=_LARGEST)
    except (OSError, ValueError) as error:
        raise ConfigError(f"params_file {path}: cannot be read ({error})") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"params_file {path}: is no parameter file: it must have names of nodes as keys")
    return content


def in_namespace(content: dict[str, Any], namespace: str, nodes: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters under bare names of these nodes with their full names, as Nav2's launch files do.

    In ROS, the bare key ``dmn`` is the node /dmn only. Nav2's files are written for any namespace. All other keys match
    the nodes themselves, and are left out.

    Args:
        content: content of a parameter file.
        namespace: namespace of the nodes, such as ``/robot1``; empty for none.
        nodes: names of nodes.
    """
    root = namespace.rstrip("/")
    return {f"{root}/{node}": content[node] for node in nodes if root and isinstance(content.get(node), dict)}


def place_in(content: object) -> str:
    """Return a parameter `place` that is not empty, from anywhere in the content of a parameter file; else empty."""
    if not isinstance(content, dict):
        return ""
    parameters = content.get("ros__parameters")
    if isinstance(parameters, dict) and parameters.get("place"):
        return str(parameters["place"])
    return next(filter(None, map(place_in, content.values())), "")
