"""Files that are cut off, damaged or unfinished: complete parts are read, missing parts are named."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bag_cases import Message, drive, write_bag
from fuzz_bags import serialised, write_ros1
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError

STORAGES = {".mcap": StoragePlugin.MCAP, ".db3": StoragePlugin.SQLITE3}


def bag_of(path: Path, suffix: str, messages: list[Message] | None = None) -> Path:
    """Folder of a bag with one file of this suffix."""
    return write_bag(path, drive() if messages is None else messages, STORAGES[suffix])


def split_in(folder: Path, suffix: str, parts: int) -> Path:
    """Write a bag of several files without metadata, like a killed recorder."""
    folder.mkdir()
    messages = sorted(drive(), key=lambda one: one.time)
    size = -(-len(messages) // parts)
    for i in range(parts):
        bag_of(folder / "part", suffix, messages[i * size : (i + 1) * size])
        (folder / "part" / f"part{suffix}").rename(folder / f"drive_{i}{suffix}")
        shutil.rmtree(folder / "part")
    return folder


def require_complete(read: Sequence) -> None:
    """Assert that nothing is missing."""
    assert len(read) == 20
    assert read.has_pose.all()
    assert not read.summary.left_out


@pytest.mark.parametrize("suffix", STORAGES)
def test_metadata_that_is_missing_empty_or_broken_does_not_matter(tmp_path: Path, suffix: str) -> None:
    metadata = bag_of(tmp_path / "bag", suffix) / "metadata.yaml"
    text = metadata.read_text()
    metadata.write_text(text.replace("storage_identifier: mcap", 'storage_identifier: ""').replace("sqlite3", '""'))
    require_complete(read_bag(tmp_path / "bag"))
    for content in ("", "{", "rosbag2_bagfile_information:\n  relative_file_paths: 7\n"):
        metadata.write_text(content)
        read = read_bag(tmp_path / "bag")
        assert len(read) == 20
        assert f"ros2 bag reindex {tmp_path / 'bag'}" in read.summary.text()
    metadata.unlink()
    require_complete(read_bag(tmp_path / "bag"))
    require_complete(read_bag(tmp_path / "bag" / f"bag{suffix}"))


@pytest.mark.parametrize("suffix", STORAGES)
def test_splits_without_metadata_are_one_recording(tmp_path: Path, suffix: str) -> None:
    require_complete(read_bag(split_in(tmp_path / "bag", suffix, 11)))  # drive_10 comes after drive_9


def test_the_last_split_may_be_cut_off(tmp_path: Path) -> None:
    folder = split_in(tmp_path / "bag", ".mcap", 3)
    last = folder / "drive_2.mcap"
    last.write_bytes(last.read_bytes()[:5])
    read = read_bag(folder)
    assert 10 < len(read) < 20
    assert f"{last}: does not begin like an MCAP file" in read.summary.text()


def test_a_file_that_metadata_names_and_that_is_missing_is_named(tmp_path: Path) -> None:
    metadata = bag_of(tmp_path / "bag", ".mcap") / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("  - bag.mcap", "  - bag.mcap\n  - bag_1.mcap"))
    read = read_bag(tmp_path / "bag")
    assert len(read) == 20
    assert "bag_1.mcap: metadata.yaml names this file, but it is missing" in read.summary.text()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_of_a_file_that_was_cut_off_the_complete_part_is_read(tmp_path: Path, share: float) -> None:
    """Test small chunks, which a real recorder writes; rosbags writes one chunk for a bag of this size."""
    file = tmp_path / "cut.mcap"
    write_in_chunks(file, drive())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    read = read_bag(file)
    assert 20 * share - 3 < len(read) < 20
    assert f"mcap recover {file} -o recovered.mcap" in read.summary.text()


def test_a_damaged_chunk_costs_its_own_messages_only(tmp_path: Path) -> None:
    file = tmp_path / "damaged.mcap"
    write_in_chunks(file, drive())
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    file.write_bytes(whole)
    read = read_bag(file)
    assert 16 <= len(read) < 20
    assert len(read) + read.summary.frames_left_out == 20
    assert "its checksum is wrong" in read.summary.text()


def write_in_chunks(path: Path, messages: list[Message]) -> None:
    """Write an MCAP file with checksums, of chunks of 8 KB."""
    from mcap.writer import CompressionType
    from mcap.writer import Writer as McapWriter

    with path.open("wb") as stream:
        writer = McapWriter(stream, chunk_size=8192, compression=CompressionType.NONE)
        writer.start(profile="ros2")
        channels: dict[str, int] = {}
        for message in sorted(messages, key=lambda one: one.time):
            if message.topic not in channels:
                schema = writer.register_schema(message.kind, "ros2msg", b"")
                channels[message.topic] = writer.register_channel(message.topic, "cdr", schema)
            raw = bytes(encoding.STORE.serialize_cdr(message.content, message.kind))
            writer.add_message(channels[message.topic], message.time, raw, message.time)
        writer.finish()


def test_a_damaged_page_of_a_database_costs_its_own_messages_only(tmp_path: Path) -> None:
    file = bag_of(tmp_path / "bag", ".db3") / "bag.db3"
    whole = bytearray(file.read_bytes())
    pages = (
        page for page in range(0, len(whole), 4096) if whole[page] == 0x0D and b"rgb8" in whole[page : page + 4096]
    )
    first = next(pages)
    whole[first : first + 64] = b"\xff" * 64
    file.write_bytes(whole)
    read = read_bag(tmp_path / "bag")
    assert 15 <= len(read) < 20
    assert len(read) + read.summary.frames_left_out == 20
    assert "sqlite3" in read.summary.text()


@pytest.mark.parametrize("rest", [0, 1000])
def test_of_a_database_that_was_cut_off_the_complete_pages_are_read(tmp_path: Path, rest: int) -> None:
    """Test a cut inside a page, too: SQLite fills its end with zeros, which are no pixels."""
    source = bag_of(tmp_path / "bag", ".db3") / "bag.db3"
    whole = source.read_bytes()
    file = tmp_path / "cut.db3"
    file.write_bytes(whole[: len(whole) // 4096 // 2 * 4096 + rest])
    read = read_bag(file)
    assert 5 < len(read) < 20
    assert f"{file}: the file is cut off: it has {file.stat().st_size} bytes" in read.summary.text()
    complete = read_bag(source)
    for i, stamp in enumerate(read.stamps):
        same = int(np.searchsorted(complete.stamps, stamp))
        np.testing.assert_array_equal(read.read_image(i), complete.read_image(same))


def test_a_damaged_chunk_of_a_ros1_bag_costs_its_own_messages_only(tmp_path: Path) -> None:
    file = tmp_path / "damaged.bag"
    write_ros1(file, serialised(drive()), Writer1.CompressionFormat.BZ2)
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    file.write_bytes(whole)
    read = read_bag(file)
    assert 15 <= len(read) < 20
    assert len(read) + read.summary.frames_left_out == 20
    assert f"rosbag reindex {file}" in read.summary.text()


def test_private_records_are_skipped_and_reported(tmp_path: Path) -> None:
    file = tmp_path / "private.mcap"
    write_in_chunks(file, drive())
    whole = file.read_bytes()
    file.write_bytes(whole[:8] + b"\x85\x03" + bytes(7) + b"abc" + whole[8:])
    read = read_bag(file)
    assert len(read) == 20
    assert "the kind 0x85 is private, and not read" in read.summary.text()


def test_a_file_that_ends_between_two_records_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "cut.mcap"
    write_in_chunks(file, drive())
    whole, place = file.read_bytes(), 8
    while whole[place] != 0x06 or place < len(whole) // 3:
        place += 9 + int.from_bytes(whole[place + 1 : place + 9], "little")
    file.write_bytes(whole[:place])
    read = read_bag(file)
    assert 0 < len(read) < 20
    assert f"the file is cut off at byte {place}" in read.summary.text()


def test_a_database_that_is_still_being_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """Copy a database while it is open: half of the messages are in a file beside it."""
    source = bag_of(tmp_path / "bag", ".db3") / "bag.db3"
    database = sqlite3.connect(source)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=0")
    database.execute(
        "INSERT INTO messages (topic_id, timestamp, data) SELECT topic_id, timestamp + 1, data FROM messages LIMIT 9"
    )
    database.commit()
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in source.parent.glob("bag.db3*"):
        shutil.copy(file, copy / file.name)
    database.close()
    with pytest.raises(
        DatasetError,
        match=r"bag.db3: the recorder has not finished: \d+ bytes are still in bag.db3-wal.*wal_checkpoint",
    ) as caught:
        read_bag(copy)
    command = str(caught.value).rpartition("type there: ")[2]
    subprocess.run(shlex.split(command), cwd=copy, check=True)
    assert len(read_bag(copy)) == 20


def compressed_bag(path: Path, mode: CompressionMode, suffix: str, form: str = "zstd") -> Path:
    """Folder of a bag that the recorder compressed."""
    writer = Writer(path, version=9, storage_plugin=STORAGES[suffix])
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for message in sorted(drive(), key=lambda one: one.time):
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(
                    message.topic, message.kind, typestore=encoding.STORE
                )
            writer.write(
                connections[message.topic], message.time, encoding.STORE.serialize_cdr(message.content, message.kind)
            )
    metadata = path / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("compression_format: zstd", f"compression_format: {form}"))
    return path


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE, CompressionMode.STORAGE])
def test_compressed_bags_are_read(tmp_path: Path, mode: CompressionMode) -> None:
    read = read_bag(compressed_bag(tmp_path / "bag", mode, ".mcap" if mode is CompressionMode.STORAGE else ".db3"))
    require_complete(read)
    np.testing.assert_array_equal(read.read_image(3), read_bag(bag_of(tmp_path / "plain", ".mcap")).read_image(3))


@pytest.mark.parametrize("suffix", STORAGES)
def test_compressed_messages_are_read_without_metadata(tmp_path: Path, suffix: str) -> None:
    bag = compressed_bag(tmp_path / "bag", CompressionMode.MESSAGE, suffix)
    require_complete(read_bag(next(bag.glob(f"*{suffix}"))))
    (bag / "metadata.yaml").unlink()
    require_complete(read_bag(bag))


@pytest.mark.parametrize("suffix", STORAGES)
def test_compressed_files_are_read_without_metadata(tmp_path: Path, suffix: str) -> None:
    bag = compressed_bag(tmp_path / "drive", CompressionMode.FILE, suffix)
    read = open_sequence(next(bag.glob("*.zstd")))
    require_complete(read)
    assert read.name == "drive"
    (bag / "metadata.yaml").unlink()
    require_complete(open_sequence(bag))


def test_a_ros_1_bag_of_a_killed_recorder_names_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "drive.bag.active"
    file.touch()
    with pytest.raises(DatasetError, match=rf"type: rosbag reindex {file}, and rename it to drive\.bag"):
        open_sequence(file)


def test_a_single_file_has_the_metadata_beside_it(tmp_path: Path) -> None:
    bag = compressed_bag(tmp_path / "bag", CompressionMode.MESSAGE, ".mcap", form="lz4")
    with pytest.raises(DatasetError, match="compressed as 'lz4', only zstd can be read"):
        read_bag(next(bag.glob("*.mcap")))


@pytest.mark.parametrize("name", ["new.mcap", "new.db3", "new.bag"])
@pytest.mark.parametrize("content", [b"", b"hello" * 99])
def test_foreign_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=name):
        read_bag(tmp_path / name)
