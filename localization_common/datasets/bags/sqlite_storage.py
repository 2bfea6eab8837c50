"""SQLite files (.db3) of rosbag2; rows on damaged pages are skipped."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localization_common.datasets.bags.storage import Damage, MessagePlace, RawMessage, StorageError, lost_records
from localization_common.datasets.bags.tally import Tally
from localization_common.errors import DatasetError

#: Number of ids without a row that ends the search behind a damaged page.
_SEARCHED = 2000
#: Beginning of the file, with the size and the number of pages.
_HEAD_BYTES = 32
_LAST_ID = 2**63 - 1
_BROKEN = (sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError)
_QUERY = "SELECT id, topic_id, timestamp, data FROM messages"
_Row = tuple[int, int, int, bytes]


class SqliteStorage:
    """Storage of one .db3 file, opened in a way that writes nothing beside it; see `Storage`.

    Raises:
        StorageError: the file is no database of rosbag2, or the recorder has not finished writing into it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[Damage] = []
        self.promised: dict[str, int] = {}
        _require_finished(path)
        try:
            with _whole_pages(path, self.damage) as readable:
                uri = f"{readable.absolute().as_uri()}?mode=ro&immutable=1"
                # The bag's lock serialises the reads of all threads.
                self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
                # Without this, a database that was cut off is refused as a whole.
                self._database.execute("PRAGMA writable_schema = ON")
                self._database.execute("PRAGMA trusted_schema = OFF")
                _require_tables(self._database)
                rows = self._database.execute("SELECT id, name, type FROM topics").fetchall()
            good = [row for row in rows if [type(value) for value in row] == [int, str, str]]
            self._topics = {number: (name, kind) for number, name, kind in good}
            if len(good) < len(rows):
                self.damage.append(
                    Damage(str(path), f"{len(rows) - len(good)} rows of the table of topics are damaged")
                )
        except _BROKEN as error:
            raise StorageError(
                f"{path}: not a database of rosbag2 ({error}); copy it from the robot again, or recover it: "
                f"sqlite3 {path} .recover | sqlite3 recovered.db3"
            ) from error

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type."""
        return dict(self._topics.values())

    def messages(self) -> Iterator[RawMessage]:
        """Messages, see `Storage.messages`; their place is (row id, 0)."""
        last, failure, lost = -1, "", Tally()
        remedy = f"to look for more, type: sqlite3 {self.path} .recover | sqlite3 recovered.db3"
        try:
            for row in self._database.execute(f"{_QUERY} ORDER BY id"):
                if int(row[0]) <= last:  # pages that point at each other would give rows without an end
                    raise ValueError(f"message {row[0]} comes after message {last}")
                last = int(row[0])
                yield from self._message(row, lost)
        except _BROKEN as error:
            failure = str(error)
        if failure:
            for number, found in self._one_by_one(last + 1):
                if found is None:
                    lost.add("the row cannot be read", f"message {number}")
                else:
                    yield from self._message(found, lost)
            self.damage.append(Damage(str(self.path), f"the database is damaged ({failure})", remedy))
        self.damage += lost_records(self.path, lost, remedy)

    def at(self, place: MessagePlace) -> bytes | memoryview:
        """Data of a message, see `Storage.at`."""
        try:
            row = self._database.execute("SELECT data FROM messages WHERE id = ?", (place.first,)).fetchone()
        except _BROKEN as error:
            raise DatasetError(f"{self.path}: message {place.first} cannot be read any more ({error})") from error
        if row is None:
            raise DatasetError(
                f"{self.path}: message {place.first} is no longer in the file; was the bag changed while it was read?"
            )
        return bytes(row[0])

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _message(self, row: _Row, lost: Tally) -> Iterator[RawMessage]:
        """Message of a row, unless the row is damaged."""
        number, topic, time, data = row
        if topic in self._topics and isinstance(data, bytes) and isinstance(time, int):
            yield RawMessage(*self._topics[topic], time, data, MessagePlace(number, 0))
        else:
            lost.add("the topic, time or data of the row is damaged", f"message {number}")

    def _one_by_one(self, number: int) -> Iterator[tuple[int, _Row | None]]:
        """Rows from an id on, and None in place of rows on damaged pages; ends after `_SEARCHED` ids without a row."""
        unreadable: list[int] = []
        missing = 0
        while missing < _SEARCHED and number <= _LAST_ID:
            try:
                row = self._database.execute(f"{_QUERY} WHERE id = ?", (number,)).fetchone()
            except _BROKEN:
                row = None
                unreadable.append(number)
            missing += 1
            if row is not None:
                yield from ((lost, None) for lost in unreadable)  # ids behind the last row may not exist
                yield number, row
                unreadable, missing = [], 0
            number += 1


def _require_tables(database: sqlite3.Connection) -> None:
    """Refuse a schema that computes: a view or a generated column can run for ever, or make gigabytes from nothing.

    Raises:
        ValueError: a table of rosbag2 is none, or has a generated column.
    """
    kinds = dict(database.execute("SELECT name, type FROM sqlite_master WHERE name IN ('topics', 'messages')"))
    for name in ("topics", "messages"):
        if kinds.get(name) != "table":
            raise ValueError(f"{name} is {kinds.get(name, 'missing')!r:.50}, not a table")
        columns = database.execute(f"PRAGMA table_xinfo({name})").fetchall()
        if computed := [str(column[1]) for column in columns if column[6] != 0]:
            raise ValueError(f"{name} has columns that are computed or hidden: {', '.join(computed):.100}")


def _require_finished(path: Path) -> None:
    """Refuse a database whose last messages are still in a file beside it: they would be missing without a message.

    Raises:
        StorageError: there is such a file; the text has the command to type.
    """
    for suffix in ("-wal", "-journal"):
        unmerged = path.with_name(path.name + suffix)
        if unmerged.is_file() and unmerged.stat().st_size > 0:
            checkpoint = f"import sqlite3; sqlite3.connect('{path.name}').execute('PRAGMA wal_checkpoint(TRUNCATE)')"
            raise StorageError(
                f"{path}: the recorder has not finished: {unmerged.stat().st_size} bytes are still in "
                f"{unmerged.name}. Stop the recorder; if it was killed, copy both files to a folder where you may "
                "write, and type there: "
                f'python3 -c "{checkpoint}"'
            )


@contextmanager
def _whole_pages(path: Path, damage: list[Damage]) -> Iterator[Path]:
    """Path of the database, or of a copy of its complete pages where it was cut off inside a page.

    SQLite fills the end of such a page with zeros, which would be read as pixels.

    Args:
        path: path of the database.
        damage: list to which an entry is added where the file is shorter than the size in its header.
    """
    with path.open("rb") as file:
        head, size = file.read(_HEAD_BYTES), path.stat().st_size
        if len(head) < _HEAD_BYTES or head[:6] != b"SQLite":
            yield path
            return
        page = int.from_bytes(head[16:18], "big")
        page = 65536 if page == 1 else page
        expected = page * int.from_bytes(head[28:32], "big")
        if size < expected:
            reason = f"the file is cut off: it has {size} bytes, its header gives {expected}"
            damage.append(Damage(str(path), reason, "copy it from the robot again"))
        if page < 512 or size % page == 0:
            yield path
            return
        with tempfile.NamedTemporaryFile(suffix=".db3") as copy:  # SQLite keeps it open after its name is deleted
            file.seek(0)
            for _ in range(size // page):
                copy.write(file.read(page))
            copy.flush()
            yield Path(copy.name)
