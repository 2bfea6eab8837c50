"""Points of a keyframe map that an image with a known pose shows, with their depth.

A wall hides the points of the next room, but their directions and distances may fit those from which they were seen.
Hence a point counts as seen only if a feature of the image at its place looks like it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from localization_common.camera import Camera
from localization_common.keyframes.features import FeatureExtractor
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.triangulation import seen_from
from localization_common.refinement.candidates import candidates, field_of_view
from localization_common.refinement.point_matching import match

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

#: Largest distance of a feature from the point's place in the image, pixels of the map's images; smallest product of
#: their descriptors.
_PIXELS, _SIMILARITY = 2.5, 0.8
#: Largest angle to the direction from which a point was seen, and largest ratio of the distances.
_VIEW_DEGREES, _VIEW_SCALE = 45.0, 2.0
#: Features that are extracted for each one of the map's images: more are found again, and weak ones are confirmed by
#: their place.
_FEATURES = 2
#: A point needs neighbours with a similar depth: their number, distance at depth one, and difference of log depth.
#: Wrong points are mostly alone: without this, 5.9 % of the points of an apartment are off by a tenth, with it 4.4 %.
_NEIGHBOURS, _NEAR, _SIMILAR = 2, 0.16, 0.16


@dataclass(frozen=True)
class SeenPoints:
    """Points that an image shows.

    Attributes:
        rays: (N, 2) rays of the camera's calibration to them, at depth one.
        depth: (N,) metres along the optical axis.
    """

    rays: Array
    depth: Array

    def __len__(self) -> int:
        return len(self.depth)


class PointFinder:
    """Finds the points of a map that images of one camera show.

    Args:
        keyframe_map: map of the points.
        camera: camera of the images.

    Raises:
        CameraError: the camera has less than half the detail of the map's images.
    """

    def __init__(self, keyframe_map: KeyframeMap, camera: Camera) -> None:
        self._map = keyframe_map
        self._extract = FeatureExtractor(camera, focal=keyframe_map.focal, count=_FEATURES * keyframe_map.features)
        self._view = field_of_view(camera, keyframe_map.lens)

    def __call__(self, image: Image, map_T_camera: Array) -> SeenPoints:
        """Find the points in an image (H, W, 3) uint8 RGB with a pose (4, 4) in the frame of the map's given poses."""
        found, adjusted = self._extract(image), self._map.correction.to_adjusted(map_T_camera)
        true = replace(found, rays=self._map.lens.undistort(found.rays))
        expected = candidates(
            self._map,
            self._view,
            adjusted,
            np.zeros((6, 6)),
            gate=1.0,
            noise=_PIXELS / self._map.focal,
            view_degrees=_VIEW_DEGREES,
            view_scale=_VIEW_SCALE,
        )
        point, feature = match(self._map, expected, true, gate=1.0, similarity=_SIMILARITY, ratio=1.0)
        points = self._map.points[point].astype(np.float64)
        depth = seen_from(points, np.broadcast_to(adjusted, (len(point), 4, 4)))[1]
        return with_similar_neighbours(SeenPoints(found.rays[feature], depth))


def with_similar_neighbours(points: SeenPoints) -> SeenPoints:
    """Return the points that have neighbours with a similar depth."""
    if len(points) <= _NEIGHBOURS:
        return SeenPoints(np.empty((0, 2)), np.empty(0))
    pairs = cKDTree(points.rays).query_pairs(_NEAR, output_type="ndarray")
    log_depth = np.log(points.depth)
    pairs = pairs[np.abs(log_depth[pairs[:, 0]] - log_depth[pairs[:, 1]]) < _SIMILAR]
    kept = np.bincount(pairs.ravel(), minlength=len(points)) >= _NEIGHBOURS
    return SeenPoints(points.rays[kept], points.depth[kept])
