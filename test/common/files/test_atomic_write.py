"""Atomic writes: files are complete even if writers are killed, and keep mode, owner and links."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from localization_common.errors import CheckpointError
from localization_common.files.atomic_write import write_whole

REPOSITORY = Path(__file__).resolve().parents[3]
#: Program that writes one content after the other; each consists of one letter.
WRITER = """
import sys
from localization_common.files.atomic_write import write_whole
print("ready", flush=True)
for letter in int(sys.argv[2]) * b"abcdefgh":
    write_whole(sys.argv[1], bytes([letter]) * 1_000_000)
"""


def writer(path: Path, rounds: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(rounds)], cwd=REPOSITORY, stdout=subprocess.PIPE
    )


def require_whole(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) == 1_000_000
    assert len(set(content)) == 1


def test_kills_at_any_moment_lose_nothing_and_leave_nothing_for_long(tmp_path: Path) -> None:
    path, random, leftovers = tmp_path / "map.safetensors", np.random.default_rng(0), 0
    write_whole(path, b"a" * 1_000_000)
    rounds = 0
    while rounds < 4 or (leftovers == 0 and rounds < 40):  # a busy machine kills few writers during a write
        rounds += 1
        killed = [writer(path, 10_000) for _ in range(6)]
        for process in killed:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in killed:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=random.uniform(0.0, 0.03))
            process.send_signal(signal.SIGKILL)
        for process in killed:
            process.communicate()
        require_whole(path)
        leftovers += len(os.listdir(tmp_path)) - 1
    assert leftovers > 0  # else no writer was killed during a write
    write_whole(path, b"z" * 1_000_000)
    assert os.listdir(tmp_path) == [path.name]


def test_writers_of_one_file_do_not_harm_each_other(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    writers = [writer(path, 12) for _ in range(4)]
    assert [process.wait(timeout=60.0) for process in writers] == [0] * 4
    for process in writers:
        process.communicate()
    require_whole(path)
    assert os.listdir(tmp_path) == [path.name]


def test_files_with_similar_names_stay(tmp_path: Path) -> None:
    names = [".map.swp", ".map.abcd1234", ".map.tmp", ".map2.01234567.tmp", "map.01234567.tmp"]
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".map.01234567.tmp").write_text("left by a writer that was killed")
    write_whole(tmp_path / "map", b"new")
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "map"])


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_mode_of_a_file_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "map"
    path.write_text("old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == mode


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "map", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "map").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to other users")
def test_the_owner_of_a_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_text("old")
    os.chown(path, 12345, 54321)
    write_whole(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_links_stay_links_and_lead_to_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    target = tmp_path / "maps" / "map_of_may"
    target.write_text("old")
    (tmp_path / "middle").symlink_to(target)
    (tmp_path / "map").symlink_to("middle")
    (tmp_path / "to_come").symlink_to(tmp_path / "maps" / "new")
    write_whole(tmp_path / "map", b"new")
    write_whole(tmp_path / "to_come", b"first")
    assert (tmp_path / "map").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert (tmp_path / "to_come").is_symlink()
    assert target.read_bytes() == b"new"
    assert (tmp_path / "maps" / "new").read_bytes() == b"first"


def test_paths_that_must_not_be_replaced_are_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "file").write_text("old")
    for path, reason in {
        tmp_path: "is a folder; name a file in it",
        tmp_path / "pipe": "is a device or a pipe",
        tmp_path / "round": "leads back to itself",
        tmp_path / "file" / "map": "cannot be written",
        tmp_path / ("n" * 300): "File name too long",
    }.items():
        with pytest.raises(CheckpointError, match=reason) as refusal:
            write_whole(path, b"new")
        assert str(path) in str(refusal.value)


def test_home_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_whole("~/maps/map", b"new")
    assert (tmp_path / "home" / "maps" / "map").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["home"]
