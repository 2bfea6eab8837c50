"""Bags whose few bytes unpack to gigabytes; bags that several threads and processes read at once."""

from __future__ import annotations

import bz2
import contextlib
import gc
import multiprocessing
import os
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bag_cases as cases
import fuzz_bags
import lz4.frame
import numpy as np
import pytest
import zstandard
from mcap.writer import CompressionType
from test_fuzzed_recordings import peak_memory

from localization_common.datasets.bags import bag_storages
from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.bags.unpacking import unpack
from localization_common.datasets.sequence import Sequence

BOMB = 1 << 30


def zstd_bomb(claim: bool) -> bytes:
    """Compress a gigabyte of zeros, with or without the size in the header."""
    compressor = zstandard.ZstdCompressor().compressobj(BOMB if claim else -1)
    zeros = bytes(1 << 20)
    return b"".join([*(compressor.compress(zeros) for _ in range(BOMB >> 20)), compressor.flush()])


def bz2_bomb() -> bytes:
    """Compress 64 MB of zeros, many times a chunk's size."""
    return bz2.compress(bytes(1 << 26), 1)


def lz4_bomb() -> bytes:
    """Compress the same by lz4."""
    return lz4.frame.compress(bytes(1 << 26))


@pytest.mark.parametrize("size", [0, 4096, 1 << 20])
@pytest.mark.parametrize(
    ("kind", "bomb"),
    [("zstd", zstd_bomb(True)), ("zstd", zstd_bomb(False)), ("bz2", bz2_bomb()), ("lz4", lz4_bomb())],
    ids=["zstd", "zstd without its size", "bz2", "lz4"],
)
def test_nothing_is_unpacked_beyond_the_limit(kind: str, bomb: bytes, size: int) -> None:
    before = peak_memory(reset=True)
    with pytest.raises((ValueError, zstandard.ZstdError)):
        unpack(kind, bomb, size)
    assert peak_memory() - before < 20


@pytest.mark.parametrize("claimed", [BOMB, 4096, 2**63])
def test_a_chunk_that_is_a_bomb_costs_its_own_messages_only(tmp_path: Path, claimed: int) -> None:
    file = tmp_path / "bomb.mcap"
    fuzz_bags.write_mcap(file, fuzz_bags.serialised(fuzz_bags.drive()), compression=CompressionType.ZSTD)
    whole = file.read_bytes()
    start = [place for place in range(8, len(whole)) if whole[place + 37 : place + 45] == b"\x04\0\0\0zstd"][3]
    end = start + 9 + struct.unpack_from("<Q", whole, start + 1)[0]
    content = zstd_bomb(True)
    body = struct.pack("<QQQI", 0, 0, claimed, 0) + b"\x04\0\0\0zstd" + struct.pack("<Q", len(content)) + content
    file.write_bytes(whole[: start + 1] + struct.pack("<Q", len(body)) + body + whole[end:])
    before = peak_memory(reset=True)
    read = read_bag(file)
    assert peak_memory() - before < 100
    assert 0 < len(read) < fuzz_bags.FRAMES
    assert len(read) + read.summary.frames_left_out == fuzz_bags.FRAMES
    assert f"the chunk at byte {start} is damaged (it claims to be" in read.summary.text()


@pytest.fixture(params=["mcap", "mcap-zstd", "db3", "bag"])
def drive(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence:
    storage = fuzz_bags.STORAGES[request.param]
    storage.write(tmp_path / f"drive{storage.suffix}", fuzz_bags.serialised(fuzz_bags.drive()))
    return read_bag(tmp_path / f"drive{storage.suffix}")


def test_threads_read_the_right_images_at_once(drive: Sequence) -> None:
    wanted = list(range(fuzz_bags.FRAMES)) * 20
    with ThreadPoolExecutor(8) as pool:
        for i, image in zip(wanted, pool.map(drive.read_image, wanted), strict=True):
            np.testing.assert_array_equal(image, cases.picture(i))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_read_the_right_images(drive: Sequence, method: str) -> None:
    """Test processes that are forked while another thread reads, too: they must not wait for its lock."""
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            drive.read_image(0)

    reader = threading.Thread(target=read_on)
    reader.start()
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=fuzz_bags.read_all, args=(drive,)) for _ in range(2)]
    try:
        for worker in workers:
            worker.start()
        fuzz_bags.read_all(drive)
        for worker in workers:
            worker.join(60)
    finally:
        stop.set()
        reader.join()
    assert [worker.exitcode for worker in workers] == [0, 0]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_forks_only_while_no_thread_reads(drive: Sequence) -> None:
    """Hold the bag as a thread does that reads: SQLite has locks of its own, which nobody would free in the child."""
    drive.read_image(0)
    reading, done, statuses = threading.Event(), threading.Event(), []

    def read() -> None:
        with contextlib.ExitStack() as held:
            for storages in list(bag_storages._existing):
                held.enter_context(storages.lock)
            reading.set()
            done.wait(30.0)

    def fork() -> None:
        if (process := os.fork()) == 0:
            os._exit(0)
        statuses.append(os.waitpid(process, 0)[1])

    threads = [threading.Thread(target=target) for target in (read, fork)]
    threads[0].start()
    assert reading.wait(30.0)
    threads[1].start()
    threads[1].join(0.3)
    waited = not statuses
    done.set()
    for thread in threads:
        thread.join(30.0)
    assert waited
    assert statuses == [0]
    drive.read_image(1)  # the parent's threads read on


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at the process's open files in /proc")
def test_files_are_closed_when_a_sequence_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "drive.mcap"
    fuzz_bags.write_mcap(file, fuzz_bags.serialised(fuzz_bags.drive()))

    def opened() -> int:
        return sum(Path("/proc/self/fd", name).resolve() == file for name in os.listdir("/proc/self/fd"))

    sequence = read_bag(file)
    assert opened() == 1
    del sequence
    gc.collect()
    assert opened() == 0
