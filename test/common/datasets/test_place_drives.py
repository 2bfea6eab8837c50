"""Recordings are recognised as drives of a place by their stamps and images, under any name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_places import drawn_drive, make_place

from localization_common.camera import Camera
from localization_common.datasets.place_drives import find_drive
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Place of two drives with the same stamps, as simulators make them."""
    return make_place(tmp_path / "kitchen", drawn_drive("monday"), drawn_drive("tuesday", first=40))


def as_jpeg(drive: Sequence, quality: int) -> Sequence:
    def read(position: int) -> np.ndarray:
        _, data = cv2.imencode(".jpg", drive.read_image(position), [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(data, cv2.IMREAD_COLOR)

    return replace(drive, read_image=read)


def test_drives_are_found_under_any_name(place: Place) -> None:
    assert find_drive(place, drawn_drive("copied")).name == "monday"
    assert find_drive(place, drawn_drive("monday", first=40)).name == "tuesday"


def test_another_jpeg_decoder_makes_no_other_drive(place: Place) -> None:
    assert find_drive(place, as_jpeg(drawn_drive("copied"), 95)).name == "monday"


@pytest.mark.parametrize(
    "other",
    [
        drawn_drive("monday", first=20),  # other images at the same stamps
        replace(drawn_drive("monday"), stamps=drawn_drive().stamps + 1),
        drawn_drive("monday", frames=11),  # a part
        replace(drawn_drive("monday"), camera=Camera.from_field_of_view(128, 96, 90.0)),
    ],
    ids=["images", "stamps", "length", "size"],
)
def test_other_recordings_are_refused_with_the_drives(place: Place, other: Sequence) -> None:
    with pytest.raises(DatasetError, match=r"is no drive of .*monday \(/bags/monday\); tuesday \(/bags/tuesday\)"):
        find_drive(place, other)
