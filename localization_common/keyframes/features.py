"""Local features of images as rays and descriptors, for any camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CameraError

Array = npt.NDArray[np.float64]
Descriptors = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

#: Standard deviation of the grey values of an image of usual contrast. In an image of less contrast, in dim light or
#: overexposed, features have less contrast, too; the threshold falls with it, but not below this share.
_CONTRAST, _LEAST_SHARE = 50.0, 0.1
#: Smallest focal length of a camera as a share of the map's; images with less detail have different features.
_COARSEST = 0.5


@dataclass(frozen=True)
class Features:
    """Features of one image.

    Attributes:
        rays: (N, 2) undistorted rays at depth one.
        descriptors: (N, 128) RootSIFT of length one.
        sizes: (N,) diameters at depth one.
    """

    rays: Array
    descriptors: Descriptors
    sizes: Array

    def __len__(self) -> int:
        return len(self.rays)


class FeatureExtractor:
    """RootSIFT (Lowe 2004; Arandjelovic and Zisserman 2012) at the scale of a map, with any camera.

    Args:
        camera: camera of the images.
        focal: focal length in pixels to which images are reduced; images with less detail are not resized.
        count: largest number of features; the strongest are kept.
        contrast: smallest contrast of a feature in an image of usual contrast, for brightness from 0 to 1; OpenCV's
            default is 0.04.

    Raises:
        CameraError: the camera has less than half the detail.
    """

    def __init__(self, camera: Camera, *, focal: float, count: int, contrast: float = 0.04) -> None:
        scale = min(1.0, focal / camera.fx)
        if camera.fx < _COARSEST * focal:
            raise CameraError(
                f"the camera's focal length of {camera.fx:.0f} pixels is less than half the {focal:.0f} of the map's "
                "features: give larger images, or build the map with smaller ones"
            )
        self._size = (max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
        self._full = camera
        self._camera = camera.resized(*self._size)
        self._contrast = contrast
        self._sift = cv2.SIFT.create(nfeatures=count, contrastThreshold=contrast)

    def __call__(self, image: Image, ignored: npt.NDArray[np.bool_] | None = None) -> Features:
        """Extract features of an image (H, W, 3) uint8 RGB of the camera, without those at ignored pixels (H, W).

        Raises:
            CameraError: the image has another size than the camera.
        """
        if image.shape[:2] != (self._full.height, self._full.width):
            raise CameraError(
                f"image is {image.shape[1]}x{image.shape[0]}, its camera has {self._full.width}x{self._full.height}"
            )
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if self._size != (image.shape[1], image.shape[0]):
            grey = cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA)
        mask = None
        if ignored is not None:
            mask = cv2.resize(np.uint8(255) * ~ignored, self._size, interpolation=cv2.INTER_NEAREST)
        share = min(1.0, max(_LEAST_SHARE, float(grey.std()) / _CONTRAST))
        self._sift.setContrastThreshold(self._contrast * share)
        keypoints, descriptors = self._sift.detectAndCompute(grey, mask)
        if descriptors is None:
            return Features(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32), np.empty(0))
        pixels = np.array([point.pt for point in keypoints], dtype=np.float64)
        sizes = np.array([point.size for point in keypoints]) / self._camera.fx
        return Features(self._camera.rays(pixels), root_sift(descriptors), sizes)


def root_sift(descriptors: npt.NDArray[np.float32]) -> Descriptors:
    """Return square roots of SIFT's histograms (N, 128), of length one: products are Bhattacharyya coefficients."""
    total = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.sqrt(descriptors / total), dtype=np.float32)
