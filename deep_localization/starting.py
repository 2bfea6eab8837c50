"""Console scripts of the nodes. Ctrl-C is quiet from the first moment, also during the seconds of torch's import."""

from __future__ import annotations

import importlib
import os
import signal
from types import FrameType


def vlocnet() -> int:
    """Console script ``vlocnet``."""
    return _start("vlocnet_ros.node")


def dmn() -> int:
    """Console script ``dmn``."""
    return _start("dmn_ros.node")


def localization() -> int:
    """Console script ``localization``: both in one process."""
    return _start("deep_localization.node")


def apartment_camera() -> int:
    """Console script ``apartment_camera``."""
    return _start("localization_sim.node")


def _start(module: str) -> int:
    """Import a node's module, and run it; it then handles signals itself."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    return int(importlib.import_module(module).main())


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # the same exit code as that of a working node
