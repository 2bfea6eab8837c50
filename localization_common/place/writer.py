"""Writer of a place: everything is built beside the place, then swapped for it in one step.

The working directory ``.NAME.building`` survives a kill, with the caches of the mapping; a reader never looks into it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Set
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from localization_common.errors import MapError
from localization_common.files.paths import user_path
from localization_common.place import swap
from localization_common.place.carrying import carry_over, networks_in
from localization_common.place.description import FILE, PlaceDescription, read_description, write_description
from localization_common.place.parts import BUILT, PARTS, POSES, PartName
from localization_common.place.place import Place, poses_file

_NEW, _CACHE, _PROCESS = "new", "cache", "process"


class PlaceWriter:
    """Builds a place; `commit` makes it visible. Without a commit, an older place stays, and so does the cache.

    Trained networks of an older place, and files that no build of a place writes, move to the new one.

    Args:
        path: directory of the place; it may exist if it is empty or a place.
        extends: place whose map frame is kept; None for a new map frame.

    Raises:
        MapError: another process builds this place; the directory is no place; or it holds trained networks, which do
            not fit a new map frame.
        ConfigError: the text is no path.

    Example:
        >>> with PlaceWriter("kitchen") as writer:  # doctest: +SKIP
        ...     keyframe_map.save(writer.file("keyframes"))
        ...     write_tum(writer.poses("monday"), stamps, map_T_base)
        ...     writer.commit(description)
    """

    def __init__(self, path: str | Path, *, extends: Place | None = None) -> None:
        self.path = user_path(path, "place")
        #: Identifier of the map frame.
        self.map_id = extends.description.map_id if extends is not None else uuid.uuid4().hex
        self._working = swap.working_directory(self.path)
        self._open = contextlib.ExitStack()
        self._committed = False

    @property
    def folder(self) -> Path:
        """Folder with the parts of the new place; empty at the beginning."""
        return self._working / _NEW

    @property
    def cache(self) -> Path:
        """Folder for intermediate results; it keeps its content until a commit, also if the process is killed."""
        return self._working / _CACHE

    def file(self, part: PartName) -> Path:
        """Path at which to write a part."""
        return self.folder / PARTS[part].file

    def poses(self, drive: str) -> Path:
        """Path of the TUM file at which to write a drive's poses (map_T_base)."""
        return poses_file(self.folder, drive)

    def __enter__(self) -> PlaceWriter:
        try:
            self._working.parent.mkdir(parents=True, exist_ok=True)
            self._lock()
            try:
                self._prepare()
            except BaseException:
                self.__exit__(None, None, None)
                raise
        except OSError as error:
            self._open.close()
            raise MapError(f"{self.path}: cannot be written ({error}); name another directory") from error
        return self

    def _prepare(self) -> None:
        """Make the folders, without what a killed writer left half done."""
        swap.recover(self.path)
        self._require_replaceable()
        for leftover in (_NEW, "replaced"):
            shutil.rmtree(self._working / leftover, ignore_errors=True)
        (self.folder / POSES).mkdir(parents=True)
        self.cache.mkdir(exist_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._committed:  # else the working directory is gone, or that of the next writer
            shutil.rmtree(self.folder, ignore_errors=True)
            (self._working / _PROCESS).unlink(missing_ok=True)
            for folder in (self.cache, self._working):
                with contextlib.suppress(OSError):
                    folder.rmdir()  # only if it is empty
        self._open.close()

    def commit(self, description: PlaceDescription) -> Place:
        """Write ``place.yaml`` and make the new place visible, in one step; delete the working directory.

        Args:
            description: its ``map_id`` is set; an empty ``built`` becomes now.

        Raises:
            MapError: poses of a drive are missing; the older place has got networks of another map frame; or the file
                system refuses.
        """
        built = description.built or datetime.now(timezone.utc).isoformat(timespec="seconds")
        description = replace(description, map_id=self.map_id, built=built)
        self._require_poses(description)
        write_description(self.folder, description)
        with contextlib.ExitStack() as stack:
            if self.path.exists():
                stack.enter_context(swap.held(self.path))
                self._require_replaceable()
                self._carry_over(BUILT)
            self._put()
        return self._finished()

    def update(self) -> Place:
        """Make the parts that were written visible in one step; all others stay as they are.

        Raises:
            MapError: the place is gone, or has another map frame than the one that is extended.
        """
        shutil.rmtree(self.folder / POSES)
        with swap.held(self.path):
            if read_description(self.path).map_id != self.map_id:
                raise MapError(
                    f"{self.path}: was built anew since it was opened, in another map frame: "
                    f"{', '.join(sorted(os.listdir(self.folder)))} do not fit and are not added; make them again"
                )
            self._carry_over(frozenset())
            self._put()
        return self._finished()

    def _carry_over(self, left_out: Set[str]) -> None:
        try:
            carry_over(self.path, self.folder, left_out)
            shutil.copymode(self.path, self.folder)
        except OSError as error:
            raise MapError(f"{self.path}: its files cannot be copied to {self.folder} ({error})") from error

    def _put(self) -> None:
        """Write the new place to the disk and make it visible."""
        try:
            _flush(self.folder)
            swap.put(self.folder, self.path)
        except OSError as error:
            raise MapError(
                f"{self.path}: cannot be replaced ({error}); is it a mount point? Then name a directory in it"
            ) from error

    def _finished(self) -> Place:
        shutil.rmtree(self._working, ignore_errors=True)
        self._committed = True
        return Place.open(self.path)

    def _lock(self) -> None:
        """Lock the working directory, which is made if it does not exist."""
        while True:
            self._working.mkdir(exist_ok=True)
            try:
                descriptor = self._open.enter_context(swap.locked(self._working, wait=False))
            except FileNotFoundError:
                continue  # another writer has just finished
            except BlockingIOError as error:
                raise MapError(
                    f"{self.path}: {self._other()} builds this place now; wait for its end, or name another directory"
                ) from error
            if swap.is_at(descriptor, self._working):
                break
            self._open.close()
        (self._working / _PROCESS).write_text(str(os.getpid()))

    def _other(self) -> str:
        try:
            return f"process {int((self._working / _PROCESS).read_text())}"
        except (OSError, ValueError):
            return "another process"

    def _require_replaceable(self) -> None:
        """Refuse to replace a directory that is no place, or networks that do not fit the new map frame.

        Raises:
            MapError: see above.
        """
        if not self.path.exists() or (self.path.is_dir() and not os.listdir(self.path)):
            return
        if not (self.path / FILE).is_file():
            raise MapError(f"{self.path}: exists and is no place (it has no {FILE}); name another directory")
        older = read_description(self.path)
        networks = networks_in(self.path)
        if networks and older.map_id != self.map_id:
            raise MapError(
                f"{self.path}: holds {', '.join(networks)}, made for its present map frame, and a new map has another "
                "one: name another directory, extend the place (localization_map --extend), or move the files away"
            )

    def _require_poses(self, description: PlaceDescription) -> None:
        written = {file.name for file in (self.folder / POSES).iterdir()}
        expected = {self.poses(drive.name).name for drive in description.drives}
        if written != expected:
            raise MapError(
                f"{self.path}: poses {sorted(written - expected)} belong to no drive, drives "
                f"{sorted(expected - written)} have no poses; write one file for each drive"
            )


def _flush(folder: Path) -> None:
    """Write all files of a folder to the disk."""
    for directory, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(directory, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        swap.flush(Path(directory))
