"""Check of recordings: damage of pictures is found, named and measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import room_cases as room
from checked_recordings import checked, only

from localization_common.datasets import open_sequence
from localization_common.recording_check.conclusion import inspect
from localization_common.recording_check.findings import Grade


@pytest.mark.parametrize(("every", "verdict"), [(4, Grade.WARN), (1, Grade.FAIL)])
def test_blurred_pictures_are_counted(tmp_path: Path, every: int, verdict: Grade) -> None:
    messages = room.drive(change=lambda image, index: room.blurred(image) if index % every == 0 else image)
    check = only(checked(tmp_path, messages), "sharpness", verdict)
    assert check.numbers["blurred_share"] == pytest.approx(1.0 / every, abs=0.02)


@pytest.mark.parametrize(
    ("factor", "key", "word"), [(0.15, "dark_share", "dark"), (8.0, "overexposed_share", "overexposed")]
)
def test_ill_exposed_pictures_are_counted(tmp_path: Path, factor: float, key: str, word: str) -> None:
    def change(image: room.Image, index: int) -> room.Image:
        return np.clip(image * factor, 0, 255).astype(np.uint8) if index < 30 else image

    check = only(checked(tmp_path, room.drive(change=change)), "exposure")
    assert check.numbers[key] == pytest.approx(30 / room.COUNT, abs=0.01)
    assert word in check.sentence


def test_a_covered_lens_fails(tmp_path: Path) -> None:
    inspection = checked(tmp_path, room.drive(change=lambda image, index: np.full_like(image, 40)))
    assert inspection.verdict is Grade.FAIL
    assert inspection.check("exposure").numbers["constant_share"] == 1.0
    assert "cap" in inspection.check("exposure").advice


def test_flicker_is_found(tmp_path: Path) -> None:
    def change(image: room.Image, index: int) -> room.Image:
        return np.clip(image * (0.75 if index % 2 else 1.0), 0, 255).astype(np.uint8)

    check = only(checked(tmp_path, room.drive(change=change)), "exposure")
    assert "flicker" in check.sentence
    assert "mains" in check.advice


def test_pictures_that_are_repeated_are_counted(tmp_path: Path) -> None:
    messages = room.drive(change=lambda image, index: room.pictures()[index - index % 3])
    check = only(checked(tmp_path, messages), "changes")
    assert check.numbers["repeated_share"] == pytest.approx(2 / 3, abs=0.02)


def test_a_part_of_the_view_that_never_changes_is_measured(tmp_path: Path) -> None:
    def change(image: room.Image, index: int) -> room.Image:
        covered = image.copy()
        covered[72:] = (90, 60, 30)  # the robot's own bonnet: 40 % of the picture
        return covered

    check = only(checked(tmp_path, room.drive(change=change)), "changes")
    assert check.numbers["unchanging_view_share"] == pytest.approx(0.4, abs=0.05)


def test_dropped_pictures_are_counted_and_the_longest_gap_is_named(tmp_path: Path) -> None:
    messages = room.drive(change=lambda image, index: None if 40 <= index < 52 or index in (70, 71) else image)
    check = only(checked(tmp_path, messages), "rates")
    assert check.numbers["images_missing"] == 14
    assert check.numbers["longest_gap_s"] == pytest.approx(13 * room.PERIOD)
    assert check.numbers["longest_gap_at_s"] == pytest.approx(39 * room.PERIOD)


def test_pictures_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    messages = room.drive()
    for message in [m for m in messages if m.topic == "/image"][::10]:
        message.content.data = message.content.data[:100]
    check = only(checked(tmp_path, messages), "reading")
    assert check.numbers["images_left_out"] == room.COUNT // 10


def test_public_pictures_that_are_blurred_are_found(shared_data: Path) -> None:
    clean = open_sequence(shared_data / "7scenes/redkitchen/seq-01")
    spoiled = replace(clean, read_image=lambda position: room.blurred(clean.read_image(position), 19))
    assert inspect(spoiled, pictures=24)[0].check("sharpness").numbers["blurred_share"] > 0.8
