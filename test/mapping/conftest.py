"""Drives through the painted room and their maps, which several tests use."""

from __future__ import annotations

import numpy as np
import pytest
from made_room import circle, odometry, shifted
from painted_room import drive

from localization_common.datasets.sequence import Sequence
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.mapping import map_drives
from localization_mapping.options import MappingOptions

#: About half of the frames of `monday` are keyframes.
OPTIONS = MappingOptions(features=300, overlapping=6, keyframe_metres=0.3, keyframe_degrees=20.0)


@pytest.fixture(scope="session")
def options() -> MappingOptions:
    """Parameters of a quick mapping."""
    return OPTIONS


@pytest.fixture(scope="session")
def monday() -> Sequence:
    """Drive of 60 frames, 1.2 times around the room, with odometry that drifts and true poses."""
    path = circle(60)
    return drive(path, odometry(path, turning=1.02, metres=0.01, degrees=0.5))


@pytest.fixture(scope="session")
def tuesday() -> Sequence:
    """Drive of 30 frames, a part of the way around, whose odometry has another frame."""
    path = circle(30, turns=0.6, radius=1.2, start=1.0)
    return drive(path, shifted(30.0, -8.0, 130.0) @ odometry(path, metres=0.01, degrees=0.5, seed=3), name="tuesday")


@pytest.fixture(scope="session")
def place(monday: Sequence) -> MappedPlace:
    """Map of monday's drive."""
    return map_drives([monday], OPTIONS)


@pytest.fixture(scope="session")
def both(monday: Sequence, tuesday: Sequence) -> MappedPlace:
    """Map of the first half of monday's drive, and of tuesday's."""
    return map_drives([monday.select(np.arange(32)), tuesday], OPTIONS)


@pytest.fixture(scope="session")
def map_T_room(monday: Sequence) -> np.ndarray:
    """True transform (4, 4) from the room to the map frame, which begins at monday's first base."""
    return np.asarray(np.linalg.inv(monday.map_T_base[0]))
