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
from dmn_ros.filter.clusters import covariance_about, densest_cluster, mean_and_covariance
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.map_reader import MapReader
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.localized_check import (
    confirmed_covariance,
    confirmed_share,
    confirms,
    proposal_agreement,
    rejection_reason,
)
from localization_common.camera import Camera, CameraAdapter
from localization_common.camera.image_checks import require_usable
from localization_common.camera.upright import level_adapter
from localization_common.errors import CameraError, EstimateError, InputError
from localization_common.geometry import planar

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

#: Least `ParticleFilter.fit` with which a belief updates the reliability of the map's views.
_LEAST_FIT = 1.0
#: Probability that a robot was moved while it was off.
_MOVED = 0.1


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
        self._filter.reset_gaussian(saved, elsewhere=_MOVED)
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
        observed = self.weighs_after(motion)
        if observed:
            self._filter.move(torch.from_numpy(motion).to(torch.float32))
            self._odom, self._requested = odom, True  # until an image was weighed
            moved_only = self._filter.particles, self._filter.log_weights
            try:
                if proposal is not None:
                    self._filter.propose(proposal)
                everywhere = self._filter.anywhere and self._reader.large and proposal is None
                features, reference = (self._weigh_everywhere if everywhere else self._weigh)(pixels, timings)
            except EstimateError:
                self._filter.particles, self._filter.log_weights = moved_only
                raise
            self._requested, motion = False, np.zeros(3)
        belief = self._belief(stamp, motion, proposal, observed, timings, start)
        if observed and belief.localized and self._filter.fit > _LEAST_FIT:
            self._reader.update_reliability(features, torch.from_numpy(belief.most_likely), reference)
            timings["total"] = (time.perf_counter() - start) * 1e3
        return belief

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
        self._requested, self._agreed = True, 0.0
        self._saved, self._as_saved = saved, 0.0

    def _adapted(self, image: Image) -> Image:
        try:
            return self._adapter(require_usable(image))
        except CameraError as error:
            raise InputError(str(error)) from error

    def _weigh(self, pixels: Image, timings: dict[str, float]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weigh and resample; return the image's features (C, h, w) and the reference poses (R, 3)."""
        reference = self._filter.draw_uniform(self.filter_config.reference_poses)
        reading = self._reader.read(pixels, self._filter.particles, self._filter.log_weights, reference)
        reference = reference[reading.reference]
        if self._reader.large and self._filter.doubtful(reading.log_likelihood, reading.reference_log_likelihood):
            # A few reference poses in a large map are not near the robot: they do not show that it was carried away.
            if self._filter.untested:
                return self._weigh_everywhere(pixels, timings, elsewhere=_MOVED)
            reference = self._around_views()
            everywhere = self._reader.read_everywhere(pixels, reference)
            reading = replace(reading, reference_log_likelihood=everywhere.log_likelihood)
        start = time.perf_counter()
        self._filter.weigh(reading.log_likelihood, reading.reference_log_likelihood)
        self._filter.resample(reference)
        timings |= reading.timings | {"filter": (time.perf_counter() - start) * 1e3}
        return reading.features, reference

    def _weigh_everywhere(
        self, pixels: Image, timings: dict[str, float], elsewhere: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weigh and resample as `_weigh`, if the robot is, with this probability, anywhere in a large map."""
        reference = self._around_views()
        coarse = self._reader.read_everywhere(pixels, reference)
        self._filter.focus(reference, coarse.log_likelihood, elsewhere)
        reading = self._reader.read_everywhere(pixels, self._filter.particles)
        self._filter.weigh(reading.log_likelihood, coarse.log_likelihood)
        self._filter.resample(reference)
        timings |= {name: coarse.timings[name] + ms for name, ms in reading.timings.items()}
        return reading.features, reference

    def _around_views(self) -> torch.Tensor:
        """Draw poses (R, 3) all over a large map, around its views."""
        return self._filter.draw_around(torch.from_numpy(self.context_map.poses).to(torch.float32))

    def _belief(
        self,
        stamp: int,
        motion: Array,
        proposal: PlanarGaussian | None,
        observed: bool,
        timings: dict[str, float],
        start: float,
    ) -> Belief:
        """Summarise the particles, moved without noise by the odometry since they were last weighed."""
        config = self.filter_config
        particles = self._filter.particles.cpu().numpy().astype(np.float64)
        if not observed:
            particles = planar.compose(particles, motion)
        weights = self._filter.log_weights.exp().cpu().numpy().astype(np.float64)
        weights /= weights.sum()
        mean, covariance = mean_and_covariance(particles, weights)
        cluster = densest_cluster(particles, weights, radius_d=config.cluster_d, radius_a=config.cluster_a)
        if observed:
            self._agreed = proposal_agreement(cluster, proposal, config)
            self._as_saved, self._saved = proposal_agreement(cluster, self._saved, config), None
        share = confirmed_share(cluster.share, self._agreed, config.proposal_trust)
        about = covariance_about(cluster.pose, particles, weights)
        unconfirmed = self._filter.of_few_images and not confirms(max(self._agreed, self._as_saved))
        reason = rejection_reason(share, self._filter.fit, config, unconfirmed=unconfirmed)
        timings["total"] = (time.perf_counter() - start) * 1e3
        return Belief(
            stamp=stamp,
            mean=mean,
            covariance=covariance,
            most_likely=cluster.pose,
            pose_covariance=confirmed_covariance(about, cluster, share),
            particles=particles,
            weights=weights,
            effective_sample_size=float(1.0 / np.square(weights).sum()),
            spread=float(np.sqrt(covariance[0, 0] + covariance[1, 1])),
            share=share,
            cluster_covariance=cluster.covariance,
            localized=not reason,
            reason=reason,
            observed=observed,
            timings=timings,
        )
