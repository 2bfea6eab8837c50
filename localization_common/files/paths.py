"""Paths that users give in parameters, services and commands, and folders of installed packages."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from localization_common.errors import ConfigError

PACKAGE = "deep_localization"
#: Parts of a path that other programs replace: shells, launch files, resource addresses.
_UNREPLACED = re.compile(r"\$[({A-Za-z_]|^[a-z]+://")


def user_path(value: str | Path, name: str) -> Path:
    """Absolute path from a user's text; ``~`` is the home folder.

    Args:
        value: text of the user.
        name: name of the parameter or option, for messages.

    Raises:
        ConfigError: the text is empty, or has parts that only shells or launch files replace.
    """
    text = str(value)
    if not text.strip():
        raise ConfigError(f"{name} is empty: set it to a file")
    if found := _UNREPLACED.search(text):
        raise ConfigError(
            f"{name} is {text!r}: {found[0]!r} is not replaced here; write the path itself, from / or from ~ "
            "(launch files replace it in parameter files that are loaded with allow_substs)"
        )
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{name} is {text!r}: {error}; write the path from /") from error
    if "\0" in text or (text.startswith("~") and not path.is_absolute()):
        raise ConfigError(f"{name} is {text!r}: this is no path of a file; write the path from /")
    return Path(os.path.abspath(path))


def existing_file(value: str | Path, name: str) -> Path:
    """Absolute path of an existing file from a user's text; see `user_path`.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    path = user_path(value, name)
    written = "" if str(path) == str(value) else f", written {str(value)!r}"
    try:
        found, there = path.is_file(), path.exists()
    except OSError as error:  # this user may not read a folder on the way
        raise ConfigError(f"{path}: cannot be looked at ({error.strerror}; {name}{written})") from error
    if not found:
        what = "is a folder, not a file" if path.is_dir() else "is not a file" if there else "no such file"
        raise ConfigError(f"{path}: {what} ({name}{written}): set {name} to a file that is there")
    return path


def package_folders() -> list[Path]:
    """Folders with files of this package: the checkout, then installations."""
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    installed = [Path(prefix) / "share" / PACKAGE for prefix in prefixes if prefix]
    return [Path(__file__).resolve().parents[2], *installed]


def require_own_file(path: Path, name: str, remedy: str) -> None:
    """Refuse to write a file that belongs to a package: the next installation would overwrite or lose it.

    Args:
        path: file that would be written; links are followed.
        name: parameter that names it.
        remedy: remedy, for the message.

    Raises:
        ConfigError: the file lies in the share folder of an installed package, or among the checkout's own models.
    """
    checkout, *installed = package_folders()
    guarded = [checkout / "models", *(folder.parent for folder in installed)]
    places = {Path(os.path.abspath(path)), Path(os.path.realpath(path))}
    for folder in {*guarded, *(Path(os.path.realpath(folder)) for folder in guarded)}:
        if any(place.is_relative_to(folder) for place in places):
            raise ConfigError(f"{path}: lies in {folder}, which belongs to installed files ({name}): {remedy}")
