"""Parameters that a launch file gives its nodes, without the nodes: their programs print them and end."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from launch_process import LAUNCH, launch
from parameter_printer import PREFIX

PRINTER = Path(__file__).with_name("parameter_printer.py")
#: Package -> its programs and the nodes in each.
PROGRAMS = {
    "deep_localization": {
        "vlocnet": "vlocnet",
        "dmn": "dmn",
        "localization": "vlocnet,dmn",
        "apartment_camera": "apartment_camera",
        "rerun_viewer": "rerun_viewer",
    },
    "nav2_map_server": {"map_server": "map_server"},
    "nav2_lifecycle_manager": {"lifecycle_manager": "lifecycle_manager_localization"},
}


@dataclass(frozen=True)
class Launched:
    """Result of a launch.

    Attributes:
        parameters: full name of a node -> its parameters.
        odom: full name of a node -> its topic of the odometry.
        output: all that launch and the programs printed.
    """

    parameters: dict[str, dict[str, Any]]
    odom: dict[str, str]
    output: str


def install_printers(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the printing program in place of all nodes, beside this checkout's launch files."""
    for package, programs in PROGRAMS.items():
        marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        for program, nodes in programs.items():
            file = prefix / "lib" / package / program
            file.parent.mkdir(parents=True, exist_ok=True)
            # It is not interrupted when a launch ends with one of its programs.
            file.write_text(f'#!/bin/sh\ntrap "" INT\nexec "{sys.executable}" "{PRINTER}" {nodes} "$@"\n')
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
    (prefix / "share" / "deep_localization").symlink_to(LAUNCH.parent)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{prefix}:{os.environ['AMENT_PREFIX_PATH']}")


def launched_parameters(file: str | Path, folder: Path, **arguments: object) -> Launched:
    """Run a launch file whose programs are printers until it ends; return what they printed."""
    folder.mkdir(exist_ok=True)
    with launch(file, folder, **arguments) as launched:
        launched.process.wait(60.0)
    output = launched.output()
    given = [json.loads(line.partition(PREFIX)[2]) for line in output.splitlines() if PREFIX in line]
    parameters = {one["node"]: one["parameters"] for one in given}
    return Launched(parameters, {one["node"]: one["odom"] for one in given}, output)
