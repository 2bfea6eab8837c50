"""Maps of drives without odometry and depth: a painted room with a measured length, and a real kitchen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from made_room import MOUNT, circle, errors
from painted_room import drive

from localization_common.datasets import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.mapping import map_drives
from localization_mapping.measured_length import MeasuredLength
from localization_mapping.options import MappingOptions

OPTIONS = MappingOptions(features=400, similar=2)
PATH = circle(24, turns=0.6)


@pytest.fixture(scope="module")
def video() -> Sequence:
    """Drive of 24 frames without odometry, depth and true poses."""
    return drive(PATH, None, truth=False)


def measured(a: int, b: int) -> float:
    """Distance of the camera between two frames, metres."""
    return float(np.linalg.norm((PATH[a] @ MOUNT)[:3, 3] - (PATH[b] @ MOUNT)[:3, 3]))


@pytest.fixture(scope="module")
def unscaled(video: Sequence, tmp_path_factory: pytest.TempPathFactory) -> tuple[MappedPlace, Path]:
    """Map without a measured length, and the folder of its stages."""
    cache = tmp_path_factory.mktemp("stages")
    return map_drives([video], OPTIONS, cache=cache), cache


@pytest.fixture(scope="module")
def scaled(video: Sequence, unscaled: tuple[MappedPlace, Path]) -> MappedPlace:
    """Map with the distance between two frames."""
    return map_drives([video], OPTIONS, length=MeasuredLength((0, 20, measured(0, 20))), cache=unscaled[1])


def test_map_without_a_length_is_not_metric(unscaled: tuple[MappedPlace, Path]) -> None:
    place, _ = unscaled
    assert not place.scale.metric
    assert "--camera-height" in place.scale.source
    assert place.drives[0].located.all()
    assert any("structure from motion gives poses to" in note for note in place.notes)
    assert any(note.startswith("up is ") for note in place.notes)


def test_distance_between_two_frames_makes_it_metric(scaled: MappedPlace) -> None:
    assert scaled.scale.metric
    assert "between frames 0 and 20 of monday" in scaled.scale.source
    true = se3.inverse(PATH[0]) @ PATH
    metres, degrees = errors(scaled.drives[0].map_T_base, true)
    assert np.median(metres) < 0.07
    assert np.median(degrees) < 2.0


def test_scaled_map_begins_at_the_base_of_the_first_frame(scaled: MappedPlace, video: Sequence) -> None:
    """The mount of half a metre is not scaled, the motion of the camera is."""
    np.testing.assert_allclose(scaled.drives[0].map_T_base[0, :3, 3], 0.0, atol=0.01)
    assert np.abs(scaled.drives[0].map_T_base[:, 2, 3]).max() < 0.03
    np.testing.assert_allclose(scaled.map_T_camera, scaled.drives[0].map_T_camera[scaled.keyframe_position], atol=1e-6)


def test_camera_that_stands_still_gives_no_map(video: Sequence) -> None:
    still = replace(video, read_image=lambda _: video.read_image(0))
    with pytest.raises(DatasetError, match=r"the camera must move|did the camera move"):
        map_drives([still], OPTIONS)


def after_similarity(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distances (N,) of positions (N, 3) from true ones after the best rotation, scale and shift."""
    a, b = found - found.mean(axis=0), true - true.mean(axis=0)
    left, size, right = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.linalg.det(left @ right)])
    scale = (size * sign).sum() / np.square(a).sum()
    return np.asarray(np.linalg.norm(scale * a @ (left * sign @ right).T - b, axis=1))


def test_kitchen_without_odometry(shared_data: Path) -> None:
    """Four seconds of a hand-held camera, whose calibration is nominal."""
    kitchen = open_sequence(shared_data / "7scenes/redkitchen/seq-01").select(np.arange(0, 120, 5))
    true = kitchen.map_T_camera
    video = replace(kitchen, map_T_camera=np.full_like(true, np.nan), read_depth=None)
    place = map_drives([video], MappingOptions(features=500, similar=2))
    assert place.drives[0].located.all()
    off = after_similarity(place.drives[0].map_T_camera[:, :3, 3], true[:, :3, 3])
    assert np.median(off) < 0.04
