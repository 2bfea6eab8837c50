"""Opened files of a bag. Threads share them; each process opens its own."""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import replace
from typing import Any

from localization_common.datasets.bags.bag_files import BagFiles, open_storage
from localization_common.datasets.bags.storage import Damage, Storage, StorageError
from localization_common.datasets.bags.topic import Position
from localization_common.errors import DatasetError


class BagStorages:
    """Storages of a bag's files. A forked process opens the files again: it would share the position in the file.

    Args:
        files: files of the bag.
    """

    def __init__(self, files: BagFiles) -> None:
        self.files = files
        self.lock = threading.RLock()
        self._open: list[Storage | None] | None = None
        _existing.add(self)

    def opened(self, noting: list[Damage] | None = None) -> list[Storage | None]:
        """Storages in order of the files; None for a file that cannot be opened.

        Args:
            noting: list to which the reasons are added.

        Raises:
            DatasetError: no file can be opened.
        """
        with self.lock:
            return self._opened(noting)

    def _opened(self, noting: list[Damage] | None) -> list[Storage | None]:
        if self._open is None:
            storages: list[Storage | None] = []
            errors: list[StorageError] = []
            for path in self.files.paths:
                try:
                    storages.append(open_storage(path))
                except StorageError as error:
                    storages.append(None)
                    errors.append(error)
            if len(errors) == len(storages):
                more = f"; and {len(errors) - 3} other files" if len(errors) > 3 else ""
                raise DatasetError("; ".join(map(str, errors[:3])) + more)
            if noting is not None:
                noting += [Damage(str(error), "no message of this file is read") for error in errors]
            self._open = storages
            weakref.finalize(self, _close, storages)
        return self._open

    def read(self, position: Position) -> bytes | memoryview:
        """Data of a message.

        Args:
            position: place of the message.

        Raises:
            DatasetError: the message or its file cannot be read any more.
        """
        with self.lock:
            storage = self.opened()[position.file]
            if storage is None:
                raise DatasetError(f"{self.files.paths[position.file]}: cannot be opened any more")
            return storage.at(position.place)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but opened files, so that data loaders can send it to workers that were not forked."""
        return {"files": replace(self.files, unpacked=None)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.files = state["files"]
        self.forget()
        _existing.add(self)

    def forget(self) -> None:
        """Leave the opened files, and their lock, to the parent process."""
        self.lock, self._open = threading.RLock(), None


class _Fork:
    """Lets no thread read while the process forks: SQLite has locks of its own, which the child could never free."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._held: list[BagStorages] = []

    def begin(self) -> None:
        """Wait until no thread reads."""
        self._one_at_a_time.acquire()
        for storages in list(_existing):
            storages.lock.acquire()
            self._held.append(storages)

    def end(self) -> None:
        """Let threads of the parent process read on."""
        for storages in self._held:
            storages.lock.release()
        self._held.clear()
        self._one_at_a_time.release()

    def end_in_child(self) -> None:
        """Let the child process open the files again, those of storages that were made since `begin`, too."""
        for storages in list(_existing):
            storages.forget()
        self._held.clear()
        self._one_at_a_time.release()


_existing: weakref.WeakSet[BagStorages] = weakref.WeakSet()
_fork = _Fork()
os.register_at_fork(before=_fork.begin, after_in_parent=_fork.end, after_in_child=_fork.end_in_child)


def _close(storages: list[Storage | None]) -> None:
    for storage in storages:
        if storage is not None:
            storage.close()
