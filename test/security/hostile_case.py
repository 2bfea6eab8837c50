"""Hostile case: a seed without damage, and the damage that is made to one of its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hostile_bytes import EVERY, Damage


@dataclass(frozen=True)
class Seed:
    """Files of one kind without damage.

    Attributes:
        reader: name of the reader in `hostile_worker.READERS`.
        path: folder with the files.
        target: file that is damaged, relative to the folder.
        opened: file or folder that the reader opens, relative to the folder; empty for the folder.
        special: damage of this kind of file, by name.
        every: False leaves out the damage of all kinds of file.
    """

    reader: str
    path: Path
    target: str
    opened: str = ""
    special: Mapping[str, Damage] = field(default_factory=dict)
    every: bool = True

    @property
    def cases(self) -> Iterator[Case]:
        """All cases of this seed."""
        for name, damage in {**(EVERY if self.every else {}), **self.special}.items():
            if name != "no permission" or os.geteuid() != 0:  # root may read everything
                yield Case(self, name, damage)


@dataclass(frozen=True)
class Case:
    """Seed with one damage."""

    seed: Seed
    damage_name: str
    damage: Damage

    @property
    def name(self) -> str:
        """Name for people."""
        return f"{self.seed.reader}: {self.seed.target}: {self.damage_name}"

    def make(self, folder: Path) -> Path:
        """Copy the seed into a new folder, and damage it; return the path that the reader opens."""
        shutil.copytree(self.seed.path, folder)
        self.damage(folder / self.seed.target)
        return folder / self.seed.opened if self.seed.opened else folder
