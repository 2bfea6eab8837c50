"""Writing of places: a reader sees the old or the new one, also if the writer is killed; two writers do not meet."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_places import description, drawn_drive, make_place

from localization_common.errors import MapError
from localization_common.place import Place, PlaceWriter, swap

REPOSITORY = Path(__file__).resolve().parents[3]
#: Program that builds one place after the other; all parts of one build hold its number.
BUILDER = """
import sys
from localization_common.place import MapScale, Place, PlaceDescription, PlaceWriter
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    with PlaceWriter(sys.argv[1], extends=Place.open(sys.argv[1])) as writer:
        for part in ("keyframes", "context_map", "report"):
            writer.file(part).write_bytes(str(number).encode() * 100_000)
        (writer.cache / "kept").write_text("cache")
        writer.commit(PlaceDescription(str(number), MapScale(True, "wheels"), ()))
"""
#: Program that holds a writer open until its input ends.
HOLDER = """
import sys
from localization_common.place import PlaceWriter
with PlaceWriter(sys.argv[1]) as writer:
    print("ready", flush=True)
    sys.stdin.read()
"""
#: Program that holds a directory for a swap until its input ends.
HOLDER_OF_SWAP = """
import sys
from pathlib import Path
from localization_common.place import swap
with swap.held(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""

#: Program that opens a place and prints its name.
OPENER = """
import sys
from localization_common.place import Place
print("ready", flush=True)
print(Place.open(sys.argv[1]).description.name)
"""


@contextlib.contextmanager
def program(text: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Process of a program that has printed that it is ready."""
    command = [sys.executable, "-c", text, *map(str, arguments)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def build(path: Path, name: str, place: Place | None = None) -> Place:
    """Place whose parts hold the name of the build."""
    with PlaceWriter(path, extends=place) as writer:
        for part in ("keyframes", "context_map", "report"):
            writer.file(part).write_bytes(name.encode() * 100_000)
        return writer.commit(replace(description(), name=name))


def require_of_one_build(place: Place) -> None:
    """Require that all parts are complete and of the build that the description names."""
    for part in ("keyframes", "context_map", "report"):
        assert place.file(part).read_bytes() == place.description.name.encode() * 100_000


def killed_at(step: int, path: Path, name: str, *, exchanges: bool) -> bool:
    """Build in a process of its own that is killed at a step that touches files; False if it has fewer steps."""
    process = os.fork()
    if process == 0:
        steps = 0

        def count(event: str, arguments: object) -> None:
            nonlocal steps
            steps += event.startswith(("os.", "open", "shutil.", "ctypes."))
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            if not exchanges:
                swap.exchange = lambda first, second: False  # as on a file system that cannot
            place = Place.open(path)
            sys.addaudithook(count)
            build(path, name, place)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


@pytest.mark.parametrize("exchanges", [True, False], ids=["exchange", "two renames"])
def test_a_writer_that_is_killed_at_any_step_leaves_the_old_or_the_new_place(tmp_path: Path, exchanges: bool) -> None:
    older = build(tmp_path / "older", "old")
    (older.path / "vlocnet.safetensors").write_text("of hours")
    step, seen = 1, []
    while True:
        path = tmp_path / str(step) / "kitchen"
        shutil.copytree(older.path, path)
        killed = killed_at(step, path, "new", exchanges=exchanges)
        place = Place.open(path)
        require_of_one_build(place)
        assert place.description.map_id == older.description.map_id
        assert place.file("vlocnet").read_text() == "of hours"
        if not killed:
            break
        seen.append(place.description.name)
        build(path, "last", place)
        assert os.listdir(path.parent) == ["kitchen"]
        step += 1
    before, after = seen.count("old"), seen.count("new")
    assert seen == ["old"] * before + ["new"] * after  # kills before and after the swap
    assert before > 20
    assert after > 3


def test_a_reader_sees_complete_places_while_others_are_built(tmp_path: Path) -> None:
    path, seen, changed = tmp_path / "kitchen", set(), 0
    build(path, "first")
    with program(BUILDER, path, 60) as process:
        while process.poll() is None:
            place = Place.open(path)
            try:
                contents = [place.file(part).read_bytes() for part in ("keyframes", "context_map", "report")]
            except (MapError, FileNotFoundError):
                changed += not place.unchanged
                assert not place.unchanged
                continue
            if place.unchanged:
                assert set(contents) == {place.description.name.encode() * 100_000}
                seen.add(place.description.name)
        assert process.returncode == 0
    assert len(seen) > 5


def test_a_place_is_changed_also_if_a_later_one_gets_the_number_of_its_directory(tmp_path: Path) -> None:
    place = build(tmp_path / "kitchen", "first")
    for number in range(20):
        build(tmp_path / "kitchen", str(number), Place.open(tmp_path / "kitchen"))
        assert not place.unchanged, f"after build {number}"


def test_the_cache_of_a_killed_writer_is_there_for_the_next_one(tmp_path: Path) -> None:
    with program(HOLDER, tmp_path / "kitchen") as process:
        (tmp_path / ".kitchen.building" / "cache" / "features").write_text("of an hour")
        (tmp_path / ".kitchen.building" / "new" / "keyframes.safetensors").write_text("half a fi")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with PlaceWriter(tmp_path / "kitchen") as writer:
        assert (writer.cache / "features").read_text() == "of an hour"
        assert not writer.file("keyframes").exists()
    with PlaceWriter(tmp_path / "kitchen") as writer:  # ended without a commit: an error, or Ctrl-C
        assert (writer.cache / "features").read_text() == "of an hour"
        writer.commit(description())
    assert os.listdir(tmp_path) == ["kitchen"]


def test_a_second_writer_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "kitchen"
    with program(HOLDER, path) as process:
        with (
            pytest.raises(MapError, match=f"kitchen: process {process.pid} builds this place now; wait for its end"),
            PlaceWriter(path),
        ):
            pass
        process.communicate(b"")
    with PlaceWriter(path):
        pass
    assert os.listdir(tmp_path) == []  # nothing was written


def test_a_writer_that_has_finished_leaves_the_next_one_alone(tmp_path: Path) -> None:
    with PlaceWriter(tmp_path / "kitchen") as first:
        first.commit(description())
        with PlaceWriter(tmp_path / "kitchen") as second:
            second.file("report").write_text("half a re")
            first.__exit__(None, None, None)
            assert second.file("report").exists()


def test_what_a_writer_leaves_between_two_renames_is_put_right(tmp_path: Path) -> None:
    """A kill between the two renames leaves no directory of the name; they run where there is no exchange."""
    path, working = tmp_path / "kitchen", tmp_path / ".kitchen.building"
    build(path, "old")
    with PlaceWriter(path) as writer:
        (writer.cache / "features").write_text("kept")
    os.rename(path, working / swap.PREVIOUS)
    assert Place.open(path).description.name == "old"
    require_of_one_build(Place.open(path))
    os.rename(path, working / swap.PREVIOUS)
    build(path, "new")
    require_of_one_build(Place.open(path))
    assert os.listdir(tmp_path) == ["kitchen"]


def test_an_opening_between_two_renames_waits_for_the_second(tmp_path: Path) -> None:
    path, new = tmp_path / "kitchen", tmp_path / ".kitchen.building" / "new"
    build(path, "old")
    build(tmp_path / "other", "new")
    new.parent.mkdir()
    os.rename(tmp_path / "other", new)
    with program(HOLDER_OF_SWAP, path) as process:
        os.rename(path, new.parent / swap.PREVIOUS)  # as the process would do
        with program(OPENER, path) as opening:
            with pytest.raises(subprocess.TimeoutExpired):
                opening.wait(timeout=0.3)
            os.rename(new, path)
            process.communicate(b"")
            assert opening.communicate()[0] == b"new\n"


def test_two_renames_replace_a_directory(tmp_path: Path) -> None:
    path, new = tmp_path / "kitchen", tmp_path / ".kitchen.building" / "new"
    build(path, "old")
    build(tmp_path / "other", "new")
    new.parent.mkdir()
    os.rename(tmp_path / "other", new)
    swap.replace_in_two_steps(new, path)
    require_of_one_build(Place.open(path))
    assert Place.open(path).description.name == "new"
    path.rename(tmp_path / "moved")  # by its user: the old one does not come back
    with pytest.raises(MapError, match="no such directory"):
        Place.open(path)


def test_an_exchange_is_one_step(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert swap.exchange(tmp_path / "a", tmp_path / "b")
    assert os.listdir(tmp_path / "a") == ["b"]
    with pytest.raises(FileNotFoundError):
        swap.exchange(tmp_path / "a", tmp_path / "absent")


def test_networks_and_files_of_users_move_to_the_extended_place(tmp_path: Path) -> None:
    place = make_place(tmp_path / "kitchen")
    for name in ("vlocnet.safetensors", "vlocnet.md", "dmn.safetensors", "notes.txt", "report.html"):
        (place.path / name).write_text(name)
    (place.path / "nav2").mkdir()
    (place.path / "nav2" / "params.yaml").write_text("mine")
    place.path.chmod(0o750)
    with PlaceWriter(place.path, extends=place) as writer:
        with place.adding("vlocnet") as file:  # a training ends during the mapping
            file.write_text("better")
        extended = writer.commit(description())
    assert extended.file("vlocnet").read_text() == "better"
    assert sorted(os.listdir(place.path)) == [
        "dmn.safetensors", "nav2", "notes.txt", "place.yaml", "poses", "vlocnet.md", "vlocnet.safetensors",
    ]  # fmt: skip
    assert (place.path / "nav2" / "params.yaml").read_text() == "mine"
    assert place.path.stat().st_mode & 0o777 == 0o750


def test_networks_are_not_lost_to_a_new_map_frame(tmp_path: Path) -> None:
    place = make_place(tmp_path / "kitchen")
    (place.path / "vlocnet.safetensors").write_text("hours of training")
    with pytest.raises(MapError, match=r"holds vlocnet\.safetensors.*another one"), PlaceWriter(place.path):
        pass
    (place.path / "vlocnet.safetensors").unlink()
    with PlaceWriter(place.path) as writer:
        (writer.cache / "features").touch()
        with place.adding("vlocnet") as file:
            file.write_text("trained meanwhile")
        with pytest.raises(MapError, match=r"holds vlocnet\.safetensors"):
            writer.commit(description())
    assert place.unchanged
    assert (tmp_path / ".kitchen.building" / "cache" / "features").exists()


def test_a_directory_that_is_no_place_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(MapError, match="photos: exists and is no place"), PlaceWriter(tmp_path / "photos"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(MapError, match="file: exists and is no place"), PlaceWriter(tmp_path / "file"):
        pass
    (tmp_path / "kitchen").mkdir()  # empty: as a user makes it
    make_place(tmp_path / "kitchen")
    file = tmp_path / "kitchen" / "place.yaml"
    file.write_text(file.read_text().replace('"version": 1', '"version": 9'))
    with pytest.raises(MapError, match="place of version 9"), PlaceWriter(tmp_path / "kitchen"):
        pass
    assert sorted(os.listdir(tmp_path)) == ["file", "kitchen", "photos"]


def test_a_link_to_a_place_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    build(tmp_path / "disk" / "kitchen", "old")
    (tmp_path / "current").symlink_to(tmp_path / "disk" / "kitchen")
    build(tmp_path / "current", "new")
    assert (tmp_path / "current").is_symlink()
    assert Place.open(tmp_path / "disk" / "kitchen").description.name == "new"
    assert os.listdir(tmp_path / "disk") == ["kitchen"]


def test_poses_without_a_drive_and_drives_without_poses_are_refused(tmp_path: Path) -> None:
    with PlaceWriter(tmp_path / "kitchen") as writer:
        writer.poses("tuesday").write_text("")
        with pytest.raises(MapError, match=r"poses \['tuesday.tum'\] belong to no drive, drives \['monday.tum'\]"):
            writer.commit(description(drawn_drive()))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MapError, match="kitchen: cannot be written"), PlaceWriter(tmp_path / "file" / "kitchen"):
        pass
