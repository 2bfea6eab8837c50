"""Files that come with the package: beside it in a checkout, under share/ where it is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from localization_common.errors import ConfigError


def shipped(name: str) -> Path:
    """Path of a file such as ``config/fastdds.xml`` or ``models/vlocnet_apartment_light.safetensors``.

    Raises:
        ConfigError: it is nowhere.
    """
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [Path(__file__).resolve().parents[1]]
    folders += [Path(prefix) / "share" / "deep_localization" for prefix in prefixes if prefix]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    looked = ", ".join(str(folder) for folder in folders)
    raise ConfigError(f"{name} is in none of {looked}; install the package again, or name another file")
