"""Test of explanations of the shipped network in the apartment of its training."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.files.shipped_files import shipped
from localization_sim.apartments.apartment import Apartment
from localization_sim.drive import as_sequence, plan
from localization_sim.rendering import Renderer
from vlocnet_ros.runtime.localizer import Localizer

CAMERA = Camera.from_field_of_view(160, 120, 90.0)


def test_blurring_the_hottest_pixels_changes_the_pose_most() -> None:
    """Compare a blur of the hottest quarter of a frame with a blur of the coldest quarter."""
    localizer = Localizer.from_checkpoint(shipped("models/vlocnet_apartment_light.safetensors"))
    localizer.set_camera(CAMERA)

    def position(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        localizer.reset()
        return localizer.step(image, 1).map_T_camera[:3, 3]

    moved = []
    with Renderer(Apartment.from_seed(0), CAMERA) as renderer:
        sequence = as_sequence(renderer, plan(renderer, "test", rate=0.05), depth=False, labels=False)
        for i in range(len(sequence)):
            image = sequence.read_image(i)
            before = position(image)
            heat = localizer.labels_in_image(localizer.explain(), fill=0)
            blurred = cv2.GaussianBlur(image, (0, 0), 12.0)
            hottest, coldest = heat >= np.quantile(heat, 0.75), heat <= np.quantile(heat, 0.25)
            hidden = [np.where(part[..., None], blurred, image) for part in (hottest, coldest)]
            moved.append([np.linalg.norm(position(picture) - before) for picture in hidden])
    assert len(moved) >= 4
    hot, cold = np.median(moved, axis=0)
    assert hot > 3.0 * cold
