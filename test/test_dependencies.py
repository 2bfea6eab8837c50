"""Imports and declared dependencies are the same: package.xml has those for rosdep, setup.py those for pip."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
OWN = ("deep_localization", "dmn_ros", "localization_common", "localization_mapping", "localization_sim", "vlocnet_ros")

#: Name of a module -> name of its distribution for pip, where they differ.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "google": "protobuf",
    "mpl_toolkits": "matplotlib",
    "rerun": "rerun-sdk",
    "yaml": "pyyaml",
}
#: Name of a module -> key of rosdep. A package of ROS 2 has the same name as its module.
ROSDEP_KEYS = {
    "cv2": "python3-opencv",
    "hypothesis": "python3-hypothesis",
    "numpy": "python3-numpy",
    "pytest": "python3-pytest",
    "pytest_timeout": "python3-pytest-timeout",
    "scipy": "python3-scipy",
    "torch": "python3-torch",
    "transforms3d": "python3-transforms3d",
    "yaml": "python3-yaml",
}
#: Functions that import the module whose name is their first argument.
IMPORTING = ("require", "importlib.import_module", "pytest.importorskip")
#: Optional packages of ROS 2 that are not in package.xml: not every distribution has them, and nothing is lost without.
OPTIONAL = ("nav2_msgs", "vision_msgs")
#: Declared and not imported, each for a reason.
NOT_IMPORTED = {
    "onnxscript": "torch.onnx imports it",
    "pytest-timeout": "plugin of pytest",
    "python3-pytest-timeout": "plugin of pytest",
    "pytest-xdist": "plugin of pytest",
    "ros2launch": "the command `ros2 launch`",
    "rviz2": "started by the launch files",
    "setuptools": "pkg_resources of the installed commands",
    "tensorboard": "Lightning writes its files",
    "tf2_ros": "the launch files start its static_transform_publisher",
}


@cache
def imports() -> dict[str, dict[str, bool]]:
    """Read the name of each module outside this package -> file that imports it -> whether only if it is installed."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for folder in (*OWN, "launch"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for name, optional in imported(ast.parse(path.read_text())):
                if name not in OWN and name not in sys.stdlib_module_names:
                    place = str(path.relative_to(REPOSITORY))
                    found[name][place] = found[name].get(place, True) and optional
    return dict(found)


def imported(tree: ast.AST, optional: bool = False) -> list[tuple[str, bool]]:
    """First names of the imported modules, and whether the import stands in a `try` that continues without it."""
    names: list[tuple[str, bool]] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            names += [(alias.name.split(".")[0], optional) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append((node.module.split(".")[0], optional))
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in IMPORTING
            and isinstance(node.args[0], ast.Constant)
        ):
            names.append((str(node.args[0].value).split(".")[0], optional))
        names += imported(node, optional or (isinstance(node, ast.Try) and any(map(expects_absence, node.handlers))))
    return names


def expects_absence(handler: ast.ExceptHandler) -> bool:
    """Check that a handler catches the absence of a module."""
    return handler.type is not None and bool(
        re.search(r"\b(ImportError|ModuleNotFoundError)\b", ast.unparse(handler.type))
    )


@cache
def of_package_xml() -> frozenset[str]:
    """Read the names of all dependencies in package.xml."""
    root = ElementTree.parse(REPOSITORY / "package.xml").getroot()
    return frozenset((element.text or "").strip() for element in root if element.tag.endswith("depend"))


def setup_argument(name: str) -> Any:
    """Read an argument of setup.py."""
    call = ast.parse((REPOSITORY / "setup.py").read_text()).body[-1].value  # type: ignore[attr-defined]
    return next(ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == name)


def required() -> set[str]:
    """Read the distributions that every installation needs, with their versions."""
    return set(setup_argument("install_requires"))


@cache
def of_setup() -> frozenset[str]:
    """Read the names of all distributions in setup.py: required ones and extras."""
    lines = [*required(), *(line for extra in setup_argument("extras_require").values() for line in extra)]
    return frozenset(re.split(r"[<>=;\[ ]", line)[0] for line in lines)


def distribution(module: str) -> str:
    return DISTRIBUTIONS.get(module, module.replace("_", "-"))


def declared(module: str) -> bool:
    return ROSDEP_KEYS.get(module, module) in of_package_xml() or distribution(module) in of_setup()


def test_each_import_is_declared():
    unknown = {name: sorted(places) for name, places in imports().items() if not declared(name)}
    assert unknown.keys() <= set(OPTIONAL), f"add to package.xml (for rosdep) or to an extra of setup.py: {unknown}"


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_package_is_imported_only_where_it_is_installed(name):
    assert all(imports()[name].values()), imports()[name]


def test_each_declared_dependency_is_used():
    tests = {name for path in (REPOSITORY / "test").rglob("*.py") for name, _ in imported(ast.parse(path.read_text()))}
    modules = imports().keys() | tests
    used = {ROSDEP_KEYS.get(name, name) for name in modules} | {distribution(name) for name in modules}
    assert sorted((of_package_xml() | of_setup()) - used - NOT_IMPORTED.keys()) == []


@pytest.mark.parametrize("file", ["README.md", "docs/installation.md", "Dockerfile"])
def test_pip_lines_name_what_the_package_requires(file):
    (text,) = re.findall(r"pip install [^\n]*safetensors.*", (REPOSITORY / file).read_text())
    missing = required() - {"numpy", "setuptools"} - set(re.findall(r'"?([\w-]+(?:[<>=]+[\d.]+)?)"?', text))
    assert not missing, text  # NumPy is ROS 2's, setuptools is Python's
