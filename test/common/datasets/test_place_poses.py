"""Recordings get the poses, the camera and the mount of the place that was made from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_places import PLACE_T_RECORDED, drawn_drive, place_of

from localization_common.datasets.opening import open_sequence, open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import named_or_drives
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.errors import ConfigError, DatasetError, MapError
from localization_common.files.trajectory_files import write_tum
from localization_common.place import Place

RENAMED = BagTopics(image="/front/image", camera_info="/front/camera_info")


@pytest.fixture
def monday(tmp_path: Path) -> Path:
    write_sequence(drawn_drive("monday"), tmp_path / "monday")
    return tmp_path / "monday"


def test_the_poses_are_those_of_the_place(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    recorded = open_sequence(monday)
    sequence = open_sequence(monday, RecordingOptions(place=place.path))
    np.testing.assert_allclose(sequence.map_T_camera[:-1], PLACE_T_RECORDED @ recorded.map_T_camera[:-1], atol=1e-7)
    assert sequence.has_pose.tolist() == [True] * 11 + [False]
    assert f"true poses: 11 of 12 frames, of drive monday in {place.path}" in sequence.summary.text()
    assert sequence.summary.text().count("true poses") == 1


def test_a_copy_under_another_name_is_the_same_drive(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    monday.rename(tmp_path / "copy")
    (sequence,) = open_sequences(tmp_path / "copy", RecordingOptions(place=place.path))
    assert sequence.has_pose.sum() == 11


def test_poses_that_are_named_count_more(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    recorded = open_sequence(monday)
    own = open_sequence(monday, RecordingOptions(place=place.path, poses="recorded"))
    np.testing.assert_array_equal(own.map_T_camera, recorded.map_T_camera)
    file = tmp_path / "other.tum"
    write_tum(file, recorded.stamps, recorded.map_T_base)
    named = open_sequence(monday, RecordingOptions(place=place.path, poses=str(file)))
    np.testing.assert_allclose(named.map_T_camera, recorded.map_T_camera, atol=1e-7)


def test_a_recording_that_is_no_drive_is_refused(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    write_sequence(drawn_drive("tuesday", first=20), tmp_path / "tuesday")
    with pytest.raises(DatasetError, match=rf"tuesday: is no drive of .*monday \({monday}\).*--poses recorded"):
        open_sequence(tmp_path / "tuesday", RecordingOptions(place=place.path))
    with pytest.raises(MapError, match="no such directory"):
        open_sequence(monday, RecordingOptions(place=tmp_path / "hall"))


def test_a_drive_is_read_as_it_was_mapped(tmp_path: Path) -> None:
    """Topics and mount need not be given again."""
    drive = drawn_drive("front")
    write_sequence(drive, tmp_path / "front", topics=RENAMED)
    mount = (0.2, 0.0, 0.5, 0.0, 10.0, 0.0)
    options = RecordingOptions(topics=RENAMED, mount=mount)
    place = place_of(tmp_path / "kitchen", tmp_path / "front", options=options)
    place = Place.open(place.path)
    sequence = open_sequence(tmp_path / "front", RecordingOptions(place=place.path))
    np.testing.assert_allclose(sequence.base_T_camera, options.base_T_camera, atol=1e-12)
    with pytest.raises(DatasetError, match=r"mount .* is not that with which .* was made; leave --mount out"):
        open_sequence(tmp_path / "front", RecordingOptions(place=place.path, mount=(0.0,) * 6))


def test_another_camera_is_refused(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    (tmp_path / "K.txt").write_text("40 0 31.5\n0 40 23.5\n0 0 1\n")
    with pytest.raises(DatasetError, match=r"K\.txt: is not the camera with which .* was made"):
        open_sequence(monday, RecordingOptions(place=place.path, camera=tmp_path / "K.txt"))


def test_poses_at_other_stamps_are_refused(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    recorded = open_sequence(monday)
    write_tum(place.poses("monday"), recorded.stamps + 5, recorded.map_T_base)
    with pytest.raises(DatasetError, match=r"monday\.tum: 12 of 12 poses have the stamp of no frame"):
        open_sequence(monday, RecordingOptions(place=place.path))


def test_options_of_a_newer_program_are_refused(tmp_path: Path, monday: Path) -> None:
    place = place_of(tmp_path / "kitchen", monday)
    file = place.path / "place.yaml"
    file.write_text(file.read_text().replace('"reading": {}', '"reading": {"rolling_shutter": 1}'))
    with pytest.raises(DatasetError, match=r"options of drive monday cannot be read \(unknown options"):
        open_sequence(monday, RecordingOptions(place=place.path))


def test_recordings_that_are_gone_are_named(tmp_path: Path, monday: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuesday = tmp_path / "tuesday"
    write_sequence(drawn_drive("tuesday", first=20), tuesday)
    place = place_of(tmp_path / "kitchen", monday, tuesday)
    assert named_or_drives((), place) == [monday, tuesday]
    assert named_or_drives((tmp_path / "other",), place) == [tmp_path / "other"]
    assert named_or_drives((), place, left_out=[monday]) == [tuesday]
    monday.rename(tmp_path / "moved")
    assert named_or_drives((), place) == [tuesday]
    assert capsys.readouterr().err == f"left out: {monday}, a drive of {place.path}, does not exist\n"
    with pytest.raises(DatasetError, match=r"no recording of it exists \(.*monday\)"):
        named_or_drives((), place, left_out=[tuesday])
    tuesday.rename(tmp_path / "gone")
    with pytest.raises(DatasetError, match=f"no recording of it exists .*{monday}, {tuesday}"):
        named_or_drives((), place)
    with pytest.raises(ConfigError, match="recordings: name at least one recording, or a place"):
        named_or_drives((), None)
