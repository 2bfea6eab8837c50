"""Paths of the files of the package: beside it in a checkout, under share/ in an installation."""

from __future__ import annotations

from pathlib import Path

from localization_common.errors import ConfigError
from localization_common.files.paths import package_folders


def shipped(name: str) -> Path:
    """Path of a file such as ``config/fastdds.xml`` or ``models/vlocnet_apartment_light.safetensors``.

    Raises:
        ConfigError: the file is missing.
    """
    folders = package_folders()
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    searched = ", ".join(str(folder) for folder in folders)
    raise ConfigError(f"{name} is in none of {searched}; install the package again, or name another file")
