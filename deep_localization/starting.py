"""Console scripts that set up the process before slow imports: Ctrl-C prints no traceback meanwhile."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType

#: Libraries that pip installs beside ROS 2, in a virtual environment: docs/installation.md.
BESIDE_ROS = ("safetensors", "torch")


def vlocnet() -> int:
    """Run the console script ``vlocnet``."""
    return _start("vlocnet_ros.node")


def dmn() -> int:
    """Run the console script ``dmn``."""
    return _start("dmn_ros.node")


def localization() -> int:
    """Run the console script ``localization``: both nodes in one process."""
    return _start("deep_localization.node")


def apartment_camera() -> int:
    """Run the console script ``apartment_camera``."""
    return _start("localization_sim.node")


def rerun_viewer() -> int:
    """Run the console script ``rerun_viewer``; without Rerun it prints how to install it."""
    from deep_localization.viewer.rerun_library import require_rerun
    from localization_common.errors import ConfigError

    try:
        require_rerun()
    except ConfigError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    return _start("deep_localization.viewer.node")


def localization_map() -> int:
    """Run the console script ``localization_map``.

    It multiplies many small matrices in threads of its own; a matrix library with further threads makes them wait.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    return _start("deep_localization.place_building.command")


def _start(module: str) -> int:
    """Import the module of a node and run it; then the node handles signals."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        if error.name not in BESIDE_ROS:
            raise
        remedy = "activate the virtual environment that has it"
        print(f"cannot start: {sys.executable} has no {error.name}: {remedy}", file=sys.stderr)
        return 2
    return int(main())


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # the same exit code as that of a working node
