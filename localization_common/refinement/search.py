"""Search for the pose of an image near a given pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.acceptance import is_fixed, rejection
from localization_common.refinement.candidates import candidates, field_of_view
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import difference, isotropic
from localization_common.refinement.point_matching import match
from localization_common.refinement.pose_solver import PosePrior, PoseSolution, solve

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SearchResult:
    """Result of a search.

    Attributes:
        solution: solved pose in the adjusted map; None if too few matches agree.
        rays: (M, 2) rays of the matches.
        points: (M,) points of the map that they were matched with.
        features: (M,) the image's features that were matched.
        rejection: reason why the pose is rejected; empty if it is accepted.
    """

    solution: PoseSolution | None
    rays: Array
    points: npt.NDArray[np.int64]
    features: npt.NDArray[np.int64]
    rejection: str

    @property
    def fixed(self) -> bool:
        """True if the matches that agree leave no motion free."""
        return self.solution is not None and is_fixed(self.solution)

    @property
    def inliers(self) -> int:
        """Number of matches that agree."""
        return 0 if self.solution is None else int(self.solution.inliers.sum())


class MapSearch:
    """Search for points of a map in the images of a camera.

    Attributes:
        least: covariance (6, 6) that is added in the narrowest gate.
        widest: covariance (6, 6) of the wide gate.
    """

    def __init__(self, keyframe_map: KeyframeMap, camera: Camera, config: RefinementConfig) -> None:
        self._map, self._camera, self._config = keyframe_map, camera, config
        self._view = field_of_view(camera, keyframe_map.lens)
        self._noise = max(keyframe_map.noise, config.least_noise / keyframe_map.focal)
        self.least = isotropic(config.least_metres, float(np.radians(config.least_degrees)))
        self.widest = isotropic(config.wide_metres, float(np.radians(config.wide_degrees)))

    def near(
        self,
        map_T_camera: Array,
        covariance: Array,
        features: Features,
        *,
        inliers: int,
        prior: PosePrior | None = None,
        bounded: bool = True,
    ) -> SearchResult:
        """Search for a pose with the points that are visible near a given one.

        Args:
            map_T_camera: (4, 4) given pose in the adjusted map.
            covariance: (6, 6) covariance of the given pose about the map's axes.
            features: features of the image.
            inliers: smallest number of inliers to accept the pose.
            prior: soft prior for the least squares over the inliers.
            bounded: reject a pose outside of the gate of the given one.
        """
        c = self._config
        seen = candidates(
            self._map,
            self._view,
            map_T_camera,
            covariance,
            gate=c.gate,
            noise=self._noise,
            view_degrees=c.view_degrees,
            view_scale=c.view_scale,
        )
        points, rows = match(self._map, seen, features, gate=c.gate, similarity=c.similarity, ratio=c.ratio)
        rays = features.rays[rows]
        solution = solve(
            self._map.points[points].astype(np.float64),
            rays,
            noise=self._noise,
            inlier=c.inlier,
            least=min(inliers, c.inliers),
            start=map_T_camera,
            prior=prior,
        )
        reason = rejection(solution, rays, self._camera, c, inliers=inliers)
        if solution is not None and not reason and bounded:
            off = difference(solution.map_T_camera, map_T_camera)
            if float(off @ np.linalg.solve(covariance, off)) > (c.gate + 1.0) ** 2:
                reason = "the points agree on a pose outside the gate"
        return SearchResult(solution, rays, points, rows, reason)
