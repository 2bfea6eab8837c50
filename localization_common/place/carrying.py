"""Files that move from an older build of a place to the new one: networks, and files that a user put there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Set
from pathlib import Path

from localization_common.place.parts import NETWORKS


def networks_in(place: Path) -> list[str]:
    """Names of the trained networks in a place, with their cards and exports."""
    return sorted(name for name in os.listdir(place) if name.startswith(NETWORKS))


def carry_over(older: Path, newer: Path, left_out: Set[str]) -> None:
    """Link or copy an older place's files into the newer one, except names that it has.

    Args:
        older, newer: folders of the two.
        left_out: names that are not carried over.

    Raises:
        OSError: a file cannot be copied.
    """
    for name in set(os.listdir(older)) - left_out - set(os.listdir(newer)):
        source, target = older / name, newer / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target, symlinks=True, copy_function=_link)
        else:
            _link(source, target)


def _link(source: str | Path, target: str | Path) -> None:
    """Make a second name for a file; where the file system has none, copy the file."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
