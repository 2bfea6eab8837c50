"""Tests of the drives' names in a place: recordings of every format, and folders with odd names, can be mapped."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deep_localization.place_building.recordings import open_recordings, recordings_of
from localization_common.camera import Camera
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import describe_drive, find_drive
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import write_tum
from localization_common.place import MapScale, Place, PlaceDescription, PlaceWriter

FRAMES = 6


def made(stamp: int = 0) -> Sequence:
    """Return a drive with pictures of noise, which start at a stamp."""
    camera = Camera.from_field_of_view(32, 24, 90.0)
    pictures = np.random.default_rng(stamp).integers(0, 256, (FRAMES, 24, 32, 3), dtype=np.uint8)
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(FRAMES)
    return Sequence(
        name="made",
        camera=camera,
        frame_numbers=np.arange(FRAMES),
        stamps=stamp + 200_000_000 * np.arange(1, FRAMES + 1),
        map_T_camera=np.full((FRAMES, 4, 4), np.nan),
        read_image=lambda i: pictures[i],
        odom_T_base=poses,
    )


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag."""
    path = tmp_path_factory.mktemp("bag") / "bag"
    write_sequence(made(), path)
    return path


def place_of(path: Path, folder: Path) -> Place:
    """Return a place that is made from a recording, without its map."""
    (recording,) = open_recordings([path], RecordingOptions())
    sequence = recording.sequence
    with PlaceWriter(folder) as writer:
        write_tum(writer.poses(sequence.name), sequence.stamps, np.tile(np.eye(4), (len(sequence), 1, 1)))
        drive = describe_drive(sequence.name, path, sequence, len(sequence))
        return writer.commit(PlaceDescription("made", MapScale(True, "wheel odometry"), (drive,)))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("monday", "monday"),
        ("my drive", "my drive"),
        ("küche", "küche"),
        ("drive (1)", "drive_1"),
        ("2024-01-01T12:00:00", "2024-01-01T12_00_00"),
        (".hidden", "hidden"),
        ("(((", "drive"),
        ("a" * 240, "a" * 50),
    ],
    ids=lambda text: text[:20],
)
def test_a_bag_in_a_folder_of_any_name_becomes_a_drive(
    bag: Path, tmp_path: Path, folder: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / folder
    shutil.copytree(bag, path)
    place = place_of(path, tmp_path / "place")
    assert [drive.name for drive in place.description.drives] == [name]
    assert (f"{path}: the place has this drive as {name}" in capsys.readouterr().err) == (name != folder)
    assert find_drive(place, open_sequence(path)).name == name
    (again,) = recordings_of(place, [name])
    assert again.sequence.name == name


def test_a_bag_that_is_opened_from_inside_has_the_name_of_its_folder(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bag, tmp_path / "monday")
    (tmp_path / "monday" / "deeper").mkdir()
    for start, path in (("monday", "."), ("monday/deeper", "..")):
        monkeypatch.chdir(tmp_path / start)
        assert open_recordings([Path(path)], RecordingOptions())[0].sequence.name == "monday"


@pytest.mark.parametrize(
    "name", ["kitchen/seq-01", "kitti/00", "euroc/MH_01_easy", "deeploc/train", "Cambridge: Shop/seq1"]
)
def test_drives_of_data_sets_have_names_of_files(
    name: str, bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "deep_localization.place_building.recordings.open_sequence",
        lambda path, options: replace(open_sequence(path, options), name=name),
    )
    (drive,) = place_of(bag, tmp_path / "place").description.drives
    assert "/" not in drive.name
    assert name.split("/")[1] in drive.name


def test_drives_with_one_name_are_told_apart(bag: Path, tmp_path: Path) -> None:
    for folder in ("a (1)", "a [1]", "a_1"):
        shutil.copytree(bag, tmp_path / folder)
    opened = open_recordings([tmp_path / name for name in ("a_1", "a (1)", "a [1]")], RecordingOptions())
    assert [r.sequence.name for r in opened] == ["a_1", "a_1_2", "a_1_3"]


def test_the_same_recording_under_another_name_is_no_other_drive(bag: Path, tmp_path: Path) -> None:
    place = place_of(bag, tmp_path / "place")
    os.symlink(bag, tmp_path / "drive (2)")
    assert find_drive(place, open_sequence(tmp_path / "drive (2)")).name == bag.name
    with pytest.raises(DatasetError, match="is no drive of"):
        find_drive(place, made(stamp=10**9))
