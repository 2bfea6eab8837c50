"""Commands of dmn with a place: its map and its network belong together, and change together."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_places import PLACE_T_RECORDED, drawn_drive, place_of

from dmn_ros.commands import evaluate, train
from dmn_ros.commands.build_map import BuildMapCommand, build
from dmn_ros.map.context_map import ContextMap
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.localizer import Localizer
from dmn_ros.training.training_config import TrainingConfig
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.errors import ConfigError, MapError
from localization_common.files.shipped_files import shipped
from localization_common.geometry import planar
from localization_common.place import Place
from localization_common.place.choice import EARLIER_DMN, GENERAL_DMN, dmn_checkpoint


@pytest.fixture
def place(tmp_path: Path) -> Place:
    write_sequence(drawn_drive("monday"), tmp_path / "monday")
    write_sequence(drawn_drive("tuesday", first=20), tmp_path / "tuesday")
    return place_of(tmp_path / "kitchen", tmp_path / "monday", tmp_path / "tuesday")


def recording(place: Place) -> RecordingOptions:
    return RecordingOptions(place=place.path)


def test_a_map_of_all_drives_with_the_general_network_joins_the_place(place: Place) -> None:
    assert build(BuildMapCommand(recording=recording(place))).startswith(f"{place.path}/context_map.safetensors: ")
    place = Place.open(place.path)
    known = ContextMap.load(place.file("context_map"))
    assert known.fingerprint == load_network(shipped(GENERAL_DMN))[0].context_fingerprint()
    assert not place.has("dmn")
    expected = planar.from_se3(PLACE_T_RECORDED @ drawn_drive().map_T_base[0])
    assert np.abs(known.poses - expected).sum(axis=1).min() < 1e-5
    assert sorted(file.name for file in (place.path / "poses").iterdir()) == ["monday.tum", "tuesday.tum"]


@pytest.mark.parametrize(("fingerprint", "network"), EARLIER_DMN.items())
def test_a_map_of_an_earlier_general_network_keeps_this_network(
    place: Place, tmp_path: Path, fingerprint: str, network: str
) -> None:
    assert load_network(shipped(network))[0].context_fingerprint() == fingerprint
    assert dmn_checkpoint(None, place) == shipped(GENERAL_DMN)
    output = tmp_path / "map.safetensors"
    build(BuildMapCommand(recording=recording(place), checkpoint=shipped(network), output=output))
    shutil.copy(output, place.path / "context_map.safetensors")
    place = Place.open(place.path)
    assert dmn_checkpoint(None, place) == shipped(network)
    build(BuildMapCommand(recording=recording(place)))
    assert ContextMap.load(Place.open(place.path).file("context_map")).fingerprint == fingerprint


def test_a_network_that_is_named_joins_the_place_with_its_map(place: Place, tiny_files: tuple[Path, Path]) -> None:
    before = place.description
    build(BuildMapCommand(checkpoint=tiny_files[0], recording=recording(place)))
    place = Place.open(place.path)
    assert place.description == before
    Localizer.from_files(place.file("dmn"), place.file("context_map"))  # it refuses a map of another network
    build(BuildMapCommand(recording=recording(place)))  # with the place's network
    place = Place.open(place.path)
    Localizer.from_files(place.file("dmn"), place.file("context_map"))


def test_a_map_elsewhere_leaves_the_place(place: Place, tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    drives, output = [tmp_path / "monday"], tmp_path / "out" / "map.safetensors"
    build(BuildMapCommand(drives, tiny_files[0], output, recording=recording(place)))
    assert output.is_file()
    assert place.unchanged
    assert not place.has("context_map")
    with pytest.raises(ConfigError, match="drives: name at least one recording, or a place"):
        build(BuildMapCommand(checkpoint=tiny_files[0], output=output))


def test_a_network_of_an_older_map_frame_does_not_join(place: Place, tiny_files: tuple[Path, Path]) -> None:
    from dmn_ros.map.place_map import install

    place_of(place.path, *(Path(drive.recording) for drive in place.description.drives))
    with pytest.raises(MapError, match=r"context_map\.safetensors, dmn\.safetensors do not fit and are not added"):
        install(place, ContextMap.load(tiny_files[1]), network=tiny_files[0])
    assert not Place.open(place.path).has("dmn")
    assert not place.path.with_name(".kitchen.building").exists()


def test_evaluation_takes_network_and_map_of_the_place(
    place: Place, tiny_files: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(MapError, match=r"context_map\.safetensors: no such file.*dmn_build_map --place"):
        evaluate.evaluate(evaluate.EvaluateCommand(tmp_path / "monday", recording=recording(place)))
    build(BuildMapCommand(checkpoint=tiny_files[0], recording=recording(place)))
    arguments = evaluate.EvaluateCommand(
        tmp_path / "monday", starts=2, frames=2, one_step=4, recording=recording(place)
    )
    results = evaluate.evaluate(arguments)
    assert results["views_in_map"] == len(ContextMap.load(place.location("context_map")))
    # The true poses are the place's: in the recording's own frame, none would be near a view of the map.
    assert results["closest_context"]["median_m"] < 0.5


@pytest.mark.filterwarnings("ignore")
def test_a_trained_network_joins_the_place_with_its_map(
    place: Place, tmp_path: Path, tiny_files: tuple[Path, Path]
) -> None:
    quick = TrainingConfig(particles=16, contexts=(4, 6), worlds=1, queries=2, evaluate_every=2, mirror=0.0)
    arguments = train.TrainCommand(
        minutes=1.0, initial=tiny_files[0], training=quick, runs=tmp_path / "runs", accelerator="cpu",
        precision="32-true", max_steps=2, progress_bar=False, recording=recording(place),
        validate=(tmp_path / "tuesday",),
    )  # fmt: skip
    places = train._places(arguments, place, load_network(tiny_files[0])[1], False)
    assert [drive.name for drive in places[0].drives] == ["monday"]  # the other one is for the validation
    train.train(replace(arguments, validate=()))
    place = Place.open(place.path)
    localizer = Localizer.from_files(place.file("dmn"), place.file("context_map"))
    assert localizer.context_map.fingerprint != ContextMap.load(tiny_files[1]).fingerprint
    assert (tmp_path / "runs" / "kitchen.safetensors").is_file()
    (tmp_path / "monday").rename(tmp_path / "moved")
    (tmp_path / "tuesday").rename(tmp_path / "gone")
    shutil.rmtree(tmp_path / "runs")
    with pytest.raises(MapError, match=r"no recording of it exists.*the trained network is in .*dmn_build_map --place"):
        train._install(tiny_files[0], recording(place))
