"""Fixtures: a keyframe map of two rooms of the apartment, and views between the mapped ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from synthetic_views import small

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.building import KeyframeConfig, build, choose
from localization_common.keyframes.keyframe_map import KeyframeMap

#: Camera with twice the size of the map's images, from which images of other cameras are made.
FINE = Camera.from_field_of_view(640, 480, 80.0)
#: Frames of a drive through the living room and the kitchen, seven metres apart, at 10 Hz.
ROOMS = (range(696, 752, 2), range(448, 480, 2))


@dataclass(frozen=True)
class Mapped:
    """Map of two rooms; views of the first one, (V, 4, 4) and 640x480 images of `FINE`; poses in the second."""

    known: KeyframeMap
    poses: npt.NDArray[np.float64]
    images: list[npt.NDArray[np.uint8]]
    other_room: npt.NDArray[np.float64]


@pytest.fixture(scope="session")
def mapped() -> Mapped:
    """Map of both rooms, and held-out views up to 6 cm and 3 degrees from the mapped path."""
    from localization_sim.apartments.apartment import Apartment
    from localization_sim.drive import as_sequence, in_memory, plan
    from localization_sim.rendering import Renderer

    with Renderer(Apartment.from_seed(0), FINE) as renderer:
        drive = as_sequence(renderer, plan(renderer, "train_00", rate=10.0), depth=False, labels=False)
        rooms = [in_memory(_halved(drive.select(list(room)))) for room in ROOMS]
        rng = np.random.default_rng(0)
        poses = rooms[0].map_T_camera[3:-3:2] @ np.stack([small(rng, 0.06, 3.0) for _ in range(11)])
        images = []
        for pose in poses:
            renderer.look_from(pose)
            images.append(renderer.colour())
    config = KeyframeConfig()
    known = build(choose(rooms, config, lambda *_: None), config)
    return Mapped(known, poses, images, rooms[1].map_T_camera)


def _halved(sequence: Sequence) -> Sequence:
    """Return a sequence with images of half the width and height."""
    camera = sequence.camera.resized(sequence.camera.width // 2, sequence.camera.height // 2)
    size = (camera.width, camera.height)
    read = sequence.read_image
    return replace(
        sequence,
        camera=camera,
        read_image=lambda i: np.asarray(cv2.resize(read(i), size, interpolation=cv2.INTER_AREA)),
    )
