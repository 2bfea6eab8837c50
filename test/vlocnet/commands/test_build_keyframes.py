"""`vlocnet_build_keyframes` on a recorded bag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_places import PLACE_T_RECORDED, place_of

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError, DatasetError
from localization_common.keyframes.building import KeyframeConfig
from localization_common.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.commands.build_keyframes import BuildConfig, build_keyframes

pytest.importorskip("pycolmap", reason="pycolmap is not installed: keyframe maps are built with it")

KEYFRAMES = KeyframeConfig(most=10)


@pytest.fixture(scope="module")
def bag(apartment_drive: Sequence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bag of the drive, with the left half of each image labelled as a movable object."""
    camera = apartment_drive.camera
    labels = np.zeros((camera.height, camera.width), dtype=np.uint8)
    labels[:, : camera.width // 2] = 1
    labelled = replace(apartment_drive, read_labels=lambda _: labels, class_names=("wall", "person"))
    path = tmp_path_factory.mktemp("drives") / "drive"
    write_sequence(labelled, path)
    return path


def built(bag: Path, output: Path, **options: object) -> KeyframeMap:
    build_keyframes(BuildConfig((bag,), output, keyframes=KEYFRAMES, **options))  # type: ignore[arg-type]
    return KeyframeMap.load(output)


def test_the_map_is_calibrated_on_frames_that_are_no_keyframes(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = built(bag, tmp_path / "map.safetensors")
    assert len(known.correction.given) == KEYFRAMES.most
    assert known.covariance_scale != 1.0
    assert "keyframes of 32 frames" in capsys.readouterr().out


def test_a_map_of_the_drives_of_a_place_joins_it(bag: Path, tmp_path: Path) -> None:
    place = place_of(tmp_path / "home", bag)
    build_keyframes(BuildConfig(keyframes=KEYFRAMES, recording=RecordingOptions(place=place.path)))
    known = KeyframeMap.load(place.file("keyframes"))
    expected = PLACE_T_RECORDED @ open_sequence(bag).map_T_camera
    apart = np.linalg.norm(known.correction.given[:, None, :3, 3] - expected[None, :, :3, 3], axis=2)
    assert apart.min(axis=1).max() < 1e-6  # the keyframes' poses are those of the place
    with pytest.raises(ConfigError, match="recordings: name at least one recording, or a place"):
        build_keyframes(BuildConfig(output=tmp_path / "map.safetensors"))
    with pytest.raises(ConfigError, match="output: name the file to write, or a place"):
        build_keyframes(BuildConfig((bag,)))


def test_movable_objects_give_no_points(bag: Path, tmp_path: Path) -> None:
    def left(known: KeyframeMap) -> float:
        """Share of the points in the left half of the keyframes that see them."""
        local = [(known.points - p[:3, 3]) @ p[:3, :3] for p in known.correction.adjusted]
        seen = [points[points[:, 2] > 0.1] for points in local]
        return float(np.mean(np.concatenate([points[:, 0] / points[:, 2] < -0.1 for points in seen])))

    everything = built(bag, tmp_path / "everything.safetensors")
    still = built(bag, tmp_path / "still.safetensors", movable=("person",))
    assert len(still.points) < 0.8 * len(everything.points)
    assert left(still) < 0.75 * left(everything)
    assert still.card["movable"] == ["person"]


def test_an_unknown_class_is_refused(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cat"):
        built(bag, tmp_path / "map.safetensors", movable=("cat",))
