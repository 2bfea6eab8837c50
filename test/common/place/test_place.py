"""Places on disk: their description, their parts, and what is wrong with damaged ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_places import METRIC, NOT_METRIC, description, drawn_drive, make_place

from localization_common.errors import ConfigError, MapError
from localization_common.files.trajectory_files import read_tum
from localization_common.place import MapScale, Place, PlaceWriter
from localization_common.place.description import read_description, write_description


def test_a_place_is_read_as_it_was_written(tmp_path: Path) -> None:
    drive = drawn_drive()
    make_place(tmp_path / "kitchen", drive)
    place = Place.open(tmp_path / "kitchen")
    found = place.description
    assert (found.name, found.frame_id, found.scale, found.commit) == ("kitchen", "map", METRIC, "0123456789")
    assert (found.drives[0].frames, found.drives[0].located, found.drives[0].camera) == (12, 11, drive.camera)
    assert found.drives[0].last_stamp - found.drives[0].first_stamp == 11 * 200_000_000
    assert found.drives[0].first_stamp == drive.stamps[0]  # to the nanosecond
    np.testing.assert_array_equal(found.drives[0].mount, drive.base_T_camera)
    assert place.file("keyframes").read_bytes() == b"keyframes"
    trajectory = read_tum(place.poses("monday"))
    np.testing.assert_array_equal(trajectory.stamps, drive.stamps[:-1])
    np.testing.assert_allclose(trajectory.poses, drive.map_T_base[:-1], atol=1e-8)


def test_yaml_tools_read_the_same_content(tmp_path: Path) -> None:
    one = description(drawn_drive())
    drive = replace(one.drives[0], base_T_camera=((1e-17, -2e-5, 1.0, 3e6), *one.drives[0].base_T_camera[1:]))
    one = replace(one, drives=(drive,), name="Küche 1e-05", scale=MapScale(True, "wheels: 1e-05", 1e-05))
    write_description(tmp_path, one)
    assert read_description(tmp_path) == one
    text = (tmp_path / "place.yaml").read_text()
    assert yaml.safe_load(text) == json.loads(text)
    assert "[0.0, 0.0, 0.0, 1.0]" in text  # a row of the mount is a line


def test_a_missing_part_is_named_with_its_remedy(tmp_path: Path) -> None:
    place = make_place(tmp_path / "kitchen")
    assert not place.has("vlocnet")
    with pytest.raises(MapError, match=r"vlocnet\.safetensors: no such file.*vlocnet_train_schedule --place"):
        place.file("vlocnet")
    with pytest.raises(MapError, match=r"no drive 'tuesday'; its drives are monday"):
        place.poses("tuesday")
    (place.path / "poses" / "monday.tum").unlink()
    with pytest.raises(MapError, match=r"monday\.tum: no such file"):
        place.poses("monday")


def test_what_is_no_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for path, reason in {
        "absent": "no such directory; give the directory",
        "file": "is a file, not a directory",
        "empty": r"no place: it has no place\.yaml",
    }.items():
        with pytest.raises(MapError, match=reason):
            Place.open(tmp_path / path)
    with pytest.raises(ConfigError, match="place is empty"):
        Place.open("")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"version": 2}, "place of version 2, this program reads 1: update this package, or build the place again"),
        ({"version": "1"}, "version '1' is no version of a place; take another copy"),
        ({"colour": "red"}, "has no field.*colour.*newer version"),
        ({"scale": {"metric": "yes", "source": ""}}, "metric: expected a bool, got 'yes'"),
        ({"drives": 3}, "drives: expected a list"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path: Path, wrong: dict, reason: str) -> None:
    file = make_place(tmp_path / "kitchen").path / "place.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | wrong))
    with pytest.raises(MapError, match=reason) as refusal:
        Place.open(tmp_path / "kitchen")
    assert str(file) in str(refusal.value)


def test_a_cut_description_is_refused_at_every_length(tmp_path: Path) -> None:
    file = make_place(tmp_path / "kitchen").path / "place.yaml"
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        file.write_bytes(whole[:length])
        with pytest.raises(MapError, match=r"place\.yaml: .*(take another copy|build)"):
            Place.open(tmp_path / "kitchen")


@pytest.mark.parametrize("name", ["", "../monday", ".monday", "a/b", "a\nb"])
def test_names_of_drives_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(MapError, match="use letters, digits"):
        description(drawn_drive(name))


def test_two_drives_of_one_name_are_refused() -> None:
    with pytest.raises(MapError, match="drives monday: two drives have this name"):
        description(drawn_drive(), drawn_drive(first=5))


def test_a_map_without_scale_is_refused_with_its_reason(tmp_path: Path) -> None:
    make_place(tmp_path / "kitchen").require_metric()
    with pytest.raises(MapError, match=r"not metric \(scale: no odometry, no depth, no known distance\)"):
        make_place(tmp_path / "hall", scale=NOT_METRIC).require_metric()


def test_paths_of_a_place_that_was_built_again_are_refused(tmp_path: Path) -> None:
    place = make_place(tmp_path / "kitchen")
    make_place(tmp_path / "kitchen", content=b"of another map")
    assert not place.unchanged
    with pytest.raises(MapError, match="was built again while it was read"):
        place.file("keyframes")
    with pytest.raises(MapError, match="was built again while it was read"):
        place.poses("monday")


def test_a_network_is_added_to_the_map_frame_that_it_was_trained_in(tmp_path: Path) -> None:
    place = make_place(tmp_path / "kitchen")
    with PlaceWriter(place.path, extends=place) as writer:
        extended = writer.commit(description())
    assert extended.description.map_id == place.description.map_id
    with place.adding("vlocnet") as file:
        file.write_bytes(b"network")
    assert extended.file("vlocnet").read_bytes() == b"network"
    extended.file("vlocnet").unlink()
    make_place(place.path)
    with (
        pytest.raises(MapError, match="another map frame: the vlocnet checkpoint does not fit"),
        place.adding("vlocnet") as file,
    ):
        file.write_bytes(b"network")
    assert not file.exists()
