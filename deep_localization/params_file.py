"""Parameter file of a user, as Nav2 passes it: one file for all nodes, whose keys are bare names of nodes."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from localization_common.errors import ConfigError
from localization_common.files import yaml_text
from localization_common.files.reading import read_bytes

#: Largest file, bytes.
_LARGEST = 10_000_000


def read_params_file(path: str, substitute: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the content of a parameter file; empty without a path.

    Args:
        path: path of the file.
        substitute: function that replaces the substitutions in its text, such as ``$(env HOME)``.

    Raises:
        ConfigError: the file cannot be read, or is no parameter file.
    """
    if not path:
        return {}
    try:
        text = substitute(read_bytes(Path(path).expanduser(), _LARGEST).decode())
        content = yaml_text.parse(text, most=_LARGEST)
    except (OSError, ValueError) as error:
        raise ConfigError(f"params_file {path}: cannot be read ({error})") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"params_file {path}: is no parameter file: it must have names of nodes as keys")
    return content


def write_params_file(content: dict[str, Any], owner: object) -> str:
    """Write a parameter file, which is deleted when its owner is; return its path."""
    import yaml

    with NamedTemporaryFile("w", prefix="localization_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(content, file)
    weakref.finalize(owner, Path(file.name).unlink, missing_ok=True)
    return file.name


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


def parameters_of(node: str, contents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the parameters that ROS gives a node.

    A later file overrides an earlier one under the same key. If several keys match the node, the key that was new last
    counts.

    Args:
        node: full name of the node.
        contents: contents of its parameter files, in their order.
    """
    by_key: dict[str, dict[str, Any]] = {}
    for content in contents:
        for key, parameters in _sections(content):
            by_key.setdefault(key, {}).update(parameters)
    found: dict[str, Any] = {}
    for key, parameters in by_key.items():
        if _matches(key, node):
            found |= parameters
    return found


def _sections(content: dict[str, Any], *names: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the keys of nodes, also of nodes under the key of their namespace, and the parameters under them."""
    for key, value in content.items():
        if key == "ros__parameters" and isinstance(value, dict):
            yield "/".join(names), value
        elif isinstance(value, dict):
            yield from _sections(value, *names, str(key))


def _matches(key: str, node: str) -> bool:
    """Return True if a key is the full name of a node; * stands for one name, and ** for any number of names."""
    pattern = re.escape("/" + key.removeprefix("/"))
    return bool(re.fullmatch(pattern.replace(r"/\*\*", r"(/\w+)*").replace(r"/\*", r"/\w+"), node))


def place_in(content: dict[str, Any], namespace: str) -> str:
    """Return the parameter `place` of vlocnet, or else of dmn, in the content of a parameter file; empty without one.

    Args:
        content: content of the file.
        namespace: namespace of the nodes, such as ``/robot1``; empty for none.
    """
    nodes = ("vlocnet", "dmn")
    contents = (content, in_namespace(content, namespace, nodes))
    places = (parameters_of(f"{namespace.rstrip('/')}/{node}", contents).get("place") for node in nodes)
    return str(next(filter(None, places), ""))
