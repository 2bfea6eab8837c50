"""Localizer: camera frames and odometry in, beliefs out; without ROS."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.map_reader import MapReader
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.belief_summary import BeliefSummary
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.weighing import MOVED, weigh
from localization_common.camera import Camera, CameraAdapter
from localization_common.camera.image_checks import require_usable
from localization_common.camera.upright import level_adapter
from localization_common.errors import CameraError, InputError
from localization_common.geometry import planar

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

#: Least `ParticleFilter.fit` with which a belief updates the reliability of the map's views.
_LEAST_FIT = 1.0


class Localizer:
    """Particle filter over a context map, with the DMN as its observation model.

    A step with an unusable image or odometry raises InputError and does not change the belief. When stamps go back (a
    bag that loops), the belief stays and the odometry's reference is dropped, so that the jump is not taken as motion.
    """

    def __init__(
        self,
        network: DMN,
        camera: Camera,
        context_map: ContextMap,
        *,
        filter_config: FilterConfig | None = None,
        device: str = "cpu",
        half: bool = False,
        map_name: str | Path = "map",
    ) -> None:
        self.camera, self.filter_config = camera, filter_config or FilterConfig()
        self._device = torch.device(device)
        self._reader = MapReader(
            network, device=self._device, half=half, most_views=self.filter_config.max_evaluated_views
        )
        self._partial_views = network.config.partial_views
        self._adapter = CameraAdapter(camera, camera)
        self._odom: Array | None = None
        self._stamp: int | None = None
        self._set_map(context_map, map_name)
        self.reset_uniform()

    @classmethod
    def from_files(
        cls,
        checkpoint: str | Path,
        map_path: str | Path,
        *,
        filter_config: FilterConfig | None = None,
        device: str = "cpu",
        half: bool = False,
        threads: int | None = None,
    ) -> Localizer:
        """Make a localizer from a checkpoint and a map file; ``threads`` sets torch's threads for the whole process.

        Raises:
            CheckpointError: the checkpoint is missing, damaged or of another kind.
            MapError: the map is missing, damaged or of another kind, or another network made it.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        network, camera, _ = load_network(checkpoint)
        context_map = ContextMap.load(map_path)
        return cls(
            network, camera, context_map, filter_config=filter_config, device=device, half=half, map_name=map_path
        )

    def set_camera(self, camera: Camera, base_R_camera: Array | None = None) -> None:
        """Set the camera that delivers the images.

        Args:
            camera: its intrinsics.
            base_R_camera: (3, 3) rotation of its optical frame in a frame whose z axis points up: images are rotated
                upright by the roll and pitch in it, if the network accepts partial views. By default it is level.

        Raises:
            CameraError: its field of view is smaller than that of the network's training.
        """
        self._adapter = level_adapter(camera, self.camera, base_R_camera, partial=self.partial_views)

    @property
    def partial_views(self) -> bool:
        """True if the network accepts images of narrow and tilted cameras, which fill a part of its view."""
        return self._partial_views

    @property
    def view_share(self) -> float:
        """Share of the network's view that the camera shows, 0..1; 1 if it shows enough."""
        return self._adapter.coverage if self._adapter.partial else 1.0

    def reset_uniform(self, seed: int | None = None) -> None:
        """Set a belief over the whole map. Random numbers restart from this seed, or from that of the configuration."""
        self._filter.seed(self.filter_config.random_seed if seed is None else seed)
        self._filter.reset_uniform()
        self._forget_motion()

    def reset_gaussian(self, mean: npt.ArrayLike, covariance: npt.ArrayLike) -> None:
        """Set a belief around a pose (3,) x, y, yaw with a covariance (3, 3), metres and radians.

        Raises:
            InputError: not finite, or the covariance is not symmetric with non-negative variances.
        """
        self._filter.reset_gaussian(PlanarGaussian(np.asarray(mean), np.asarray(covariance)))
        self._forget_motion()

    def reset_saved(self, mean: npt.ArrayLike, covariance: npt.ArrayLike) -> None:
        """Set a belief around the last pose before a restart; the robot may have been moved meanwhile.

        The first image decides: a pose that it fits is published at once. Otherwise the belief leaves it.

        Args:
            mean: (3,) x, y, yaw. covariance: (3, 3). Metres and radians.

        Raises:
            InputError: as `reset_gaussian`.
        """
        saved = PlanarGaussian(np.asarray(mean), np.asarray(covariance))
        saved = saved.widened(self.filter_config.min_noise_d, self.filter_config.min_noise_a)
        self._filter.reset_gaussian(saved, elsewhere=MOVED)
        self._forget_motion(saved)

    def request_update(self) -> None:
        """Weigh the next image even if the robot has not moved."""
        self._requested = True

    def weighs_after(self, motion: npt.ArrayLike) -> bool:
        """Return True if the next image is weighed, after this motion (3,) since the last one that was."""
        ahead, left, turn = np.asarray(motion).tolist()
        config = self.filter_config
        far = math.hypot(ahead, left) >= config.update_min_d or abs(turn) >= config.update_min_a
        return far or self._requested

    @torch.inference_mode()
    def step(
        self, image: Image, stamp: int, odom_P_base: npt.ArrayLike, proposal: PlanarGaussian | None = None
    ) -> Belief:
        """Compute the belief at the image's stamp.

        Args:
            image: (H, W, 3) uint8 RGB of the camera set by `set_camera`.
            stamp: nanoseconds.
            odom_P_base: (3,) planar pose of the base in the odometry frame at that stamp, metres and radians.
            proposal: pose of the base at that stamp from another localizer. Particles are drawn from it, weights keep
                the belief unbiased; a pose that it agrees with is published sooner.

        Raises:
            InputError: the image or the odometry cannot be used; the belief does not change.
            EstimateError: the likelihoods are not finite; the belief only moves.
        """
        start = time.perf_counter()
        odom = np.asarray(odom_P_base, dtype=np.float64)
        if odom.shape != (3,) or not np.isfinite(odom).all():
            raise InputError(f"odometry pose {odom.tolist()} must be three finite numbers: x, y, yaw")
        pixels = self._adapted(image)
        if self._odom is None or (self._stamp is not None and stamp < self._stamp):
            self._odom, self._requested = odom, True
        self._stamp = stamp
        motion = planar.relative(self._odom, odom)
        timings = {"image": (time.perf_counter() - start) * 1e3}
        if not self.weighs_after(motion):
            belief = self._summary.moved(stamp, self._filter, motion)
        else:
            self._filter.move(torch.from_numpy(motion).to(torch.float32))
            self._odom, self._requested = odom, True  # until an image was weighed
            weighed = weigh(self._filter, self._reader, pixels, proposal)
            self._requested = False
            timings |= weighed.timings
            belief = self._summary.weighed(stamp, self._filter, proposal)
            if belief.localized and self._filter.fit > _LEAST_FIT:
                pose = torch.from_numpy(belief.most_likely)
                self._reader.update_reliability(weighed.features, pose, weighed.reference)
        timings["total"] = (time.perf_counter() - start) * 1e3
        return replace(belief, timings=timings)

    @torch.inference_mode()
    def add_context(self, image: Image, map_P_base: npt.ArrayLike, covariance: npt.ArrayLike | None = None) -> None:
        """Add a view to the map: an image, its pose (3,) and the covariance (3, 3) of the pose, zero by default.

        Raises:
            InputError: the image cannot be used. MapError: the pose cannot be used.
        """
        features = self._reader.embedding(self._adapted(image))
        grown = self.context_map.add(features, map_P_base, covariance)
        self._reader.use(grown)
        self._filter.bounds = grown.bounds

    @property
    def context_map(self) -> ContextMap:
        """Map with the added views and the current reliability of all views."""
        return self._reader.context_map

    @property
    def evaluated_views(self) -> npt.NDArray[np.int64]:
        """Positions (n,) in the map of the views that the last image was compared with."""
        return self._reader.evaluated_views

    def save_map(self, path: str | Path) -> None:
        """Write the map's file; raise MapError if that fails."""
        self.context_map.save(path)

    def load_map(self, path: str | Path) -> None:
        """Change to another map, with a belief over the whole map.

        Raises:
            MapError: the file cannot be used; the old map stays.
        """
        self._set_map(ContextMap.load(path), path)
        self.reset_uniform()

    def _set_map(self, context_map: ContextMap, name: str | Path) -> None:
        self._reader.use(context_map, name)
        self._filter = ParticleFilter(self.filter_config, context_map.bounds, self._device)

    def _forget_motion(self, saved: PlanarGaussian | None = None) -> None:
        self._odom, self._stamp = None, None
        self._requested, self._summary = True, BeliefSummary(saved)

    def _adapted(self, image: Image) -> Image:
        try:
            return self._adapter(require_usable(image))
        except CameraError as error:
            raise InputError(str(error)) from error
