"""SQLite files (.db3) of rosbag2; rows on damaged pages are passed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from localization_common.datasets.bags.storage import Damage, Place, RawMessage, StorageError
from localization_common.errors import DatasetError

#: So many ids without a row end the search behind a damaged page.
_SEARCHED = 2000
_QUERY = "SELECT id, topic_id, timestamp, data FROM messages"
_Row = tuple[int, int, int, bytes]


class SqliteStorage:
    """One .db3 file, opened so that nothing is written beside it; see `Storage`.

    Raises:
        StorageError: the file is no database of rosbag2, or the recorder has not finished writing into it.
    """

    ros1 = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[Damage] = []
        self.promised: dict[str, int] = {}
        _require_finished(path)
        try:
            uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            # Reads are serialised by the bag's lock, whichever thread they come from.
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
            rows = self._database.execute("SELECT id, name, type FROM topics").fetchall()
            self._topics = {int(number): (str(name), str(kind)) for number, name, kind in rows}
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StorageError(
                f"{path}: not a database of rosbag2 ({error}); copy it from the robot again, or recover it: "
                f"sqlite3 {path} .recover | sqlite3 recovered.db3"
            ) from error

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type."""
        return dict(self._topics.values())

    def messages(self) -> Iterator[RawMessage]:
        """See `Storage.messages`; a message's place is (row id, 0)."""
        last, failure = -1, ""
        try:
            for row in self._database.execute(f"{_QUERY} ORDER BY id"):
                last = int(row[0])
                yield from self._message(row)
        except (sqlite3.Error, ValueError, TypeError) as error:
            failure = str(error)
        if failure:
            lost = 0
            for row in self._one_by_one(last + 1):
                lost += row is None
                if row is not None:
                    yield from self._message(row)
            reason = f"the database is damaged ({failure}); {lost} messages are on damaged pages"
            remedy = f"to look for more, type: sqlite3 {self.path} .recover | sqlite3 recovered.db3"
            self.damage.append(Damage(str(self.path), reason, lost, remedy))

    def at(self, place: Place) -> bytes | memoryview:
        """See `Storage.at`."""
        try:
            row = self._database.execute("SELECT data FROM messages WHERE id = ?", (place.first,)).fetchone()
        except sqlite3.Error as error:
            raise DatasetError(f"{self.path}: message {place.first} cannot be read any more ({error})") from error
        if row is None:
            raise DatasetError(f"{self.path}: message {place.first} is gone; was the bag changed while it was read?")
        return bytes(row[0])

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _message(self, row: _Row) -> Iterator[RawMessage]:
        """The message of a row, unless the row is damaged."""
        number, topic, time, data = row
        if topic in self._topics and isinstance(data, bytes) and isinstance(time, int):
            yield RawMessage(*self._topics[topic], time, data, Place(number, 0))
        else:
            self.damage.append(Damage(f"{self.path}: message {number}", "its topic, time or data is damaged", 1))

    def _one_by_one(self, number: int) -> Iterator[_Row | None]:
        """Rows from an id on, None for one on a damaged page; ends where no row is found for long."""
        missing = 0
        while missing < _SEARCHED:
            try:
                row = self._database.execute(f"{_QUERY} WHERE id = ?", (number,)).fetchone()
            except sqlite3.Error:
                yield None
                missing += 1
            else:
                missing = 0 if row is not None else missing + 1
                if row is not None:
                    yield row
            number += 1


def _require_finished(path: Path) -> None:
    """Refuse a database whose last messages are still in a file beside it: they would be missing without a word.

    Raises:
        StorageError: says what to type.
    """
    for suffix in ("-wal", "-journal"):
        rest = path.with_name(path.name + suffix)
        if rest.is_file() and rest.stat().st_size > 0:
            checkpoint = f"import sqlite3; sqlite3.connect('{path.name}').execute('PRAGMA wal_checkpoint(TRUNCATE)')"
            raise StorageError(
                f"{path}: the recorder has not finished: {rest.stat().st_size} bytes are still in {rest.name}. Stop "
                "the recorder; if it was killed, copy both files to a place where you may write, and type there: "
                f'python3 -c "{checkpoint}"'
            )
