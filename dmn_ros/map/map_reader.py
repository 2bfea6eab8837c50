"""Reader of a context map: likelihoods of an image at poses, and updates of the reliability of the views."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.view_reliability import attention_weights, updated, view_evidence
from dmn_ros.map.view_selection import neighbourhoods, select_views, sum_of_new
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN, PreparedMap, ViewMap
from dmn_ros.network.embedding import images_to_tensor

Image = npt.NDArray[np.uint8]

#: Number of particles that choose the views of a large map, and an order that spreads the first ones over the belief.
_DRAWS = 128
_SPREAD = torch.arange(_DRAWS) * 79 % _DRAWS
#: Largest number of views that are all prepared when the map is read, 15 kB each in the shipped form. Of larger maps,
#: the views that an image needs are prepared for it.
_KEPT_VIEWS = 10_000
#: Number of poses next to each other that are compared with the same views (`MapReader.read_everywhere`).
_GROUP = 1024
#: Number of views next to a pose whose reliability one image updates, and number of reference poses for that.
_UPDATED, _UPDATE_REFERENCES = 8, 64


@dataclass(frozen=True)
class MapReading:
    """Log-likelihoods of one image.

    Attributes:
        features: (C, h, w) embedding of the image.
        log_likelihood: (K,) log-likelihoods of the particles.
        reference: (R,) indices of the reference poses that were used.
        reference_log_likelihood: (R,) log-likelihoods of these reference poses.
        timings: duration of the image's part and of the particles' part, milliseconds.
    """

    features: Tensor
    log_likelihood: Tensor
    reference: Tensor
    reference_log_likelihood: Tensor
    timings: dict[str, float]


class MapReader:
    """Network, map of this network, and views of the map that are prepared for a comparison with images.

    Poses are those of the base, in metres and radians; the network gets the poses of the cameras, in map units.

    Args:
        network: network that made the map.
        device: device that the network runs on.
        half: True runs the network in bfloat16.
        most_views: largest number of views that one image is compared with.
    """

    def __init__(self, network: DMN, *, device: torch.device, half: bool, most_views: int) -> None:
        self._network = network.eval().to(device)
        self._device, self._half, self._most = device, half, most_views
        config = network.config
        self._nearest, self._reach = config.nearest_views, config.view_reach / config.metres_per_unit

    @torch.inference_mode()
    def use(self, context_map: ContextMap, name: str | Path = "map") -> None:
        """Read this map from now on; raise MapError if another network made it."""
        context_map.require_made_by(self._network, name)
        self._map, self._reliability = context_map, context_map.reliability
        self._mount = torch.tensor(context_map.mount, device=self._device)
        self._unit = torch.tensor([context_map.scale, context_map.scale, 1.0], device=self._device)
        self._view_poses = self._cameras(torch.from_numpy(context_map.poses).to(self._device, torch.float32))
        self._selected: Tensor | None = None
        self._evaluated = torch.zeros(0, dtype=torch.int64)
        self._kept = self._prepared_views(torch.arange(len(context_map))) if len(context_map) <= _KEPT_VIEWS else None
        if not self.large:
            self._prepare(torch.arange(len(context_map)))

    @property
    def context_map(self) -> ContextMap:
        """Map with the current reliability of its views."""
        if not np.array_equal(self._reliability, self._map.reliability):
            self._map = replace(self._map, reliability=self._reliability)
        return self._map

    @property
    def evaluated_views(self) -> npt.NDArray[np.int64]:
        """Positions (n,) in the map of the views that the last image was compared with."""
        return self._evaluated.numpy()

    @torch.inference_mode()
    def embedding(self, image: Image) -> Tensor:
        """Embed an image (H, W, 3) of the network's camera as a view (C, h, w) of the map, on the CPU."""
        with self._precision():
            return self._network.context_embedding(self._tensor(image))[0].float().cpu()

    @torch.inference_mode()
    def read(self, image: Image, particles: Tensor, log_weights: Tensor, reference: Tensor) -> MapReading:
        """Compute log-likelihoods of an image (H, W, 3) of the network's camera.

        Args:
            image: image of the network's camera.
            particles: (K, 3) poses.
            log_weights: (K,) normalised log weights of the particles; they choose the views of a large map.
            reference: (R, 3) poses spread over the map; with a large map, those whose views fit into `most_views`.
        """
        start = time.perf_counter()
        cameras, others = self._cameras(particles), self._cameras(reference)
        used = torch.arange(len(others), device=self._device)
        if self.large:
            drawn = resampling.systematic_indices(log_weights.exp(), _DRAWS, cameras.new_tensor(0.5))
            used = self._prepare_near(cameras[drawn[_SPREAD.to(drawn.device)]], others)
        poses = torch.cat([cameras, others[used]])
        with self._precision():
            features = self._network.query_embedding(self._tensor(image))[None]
            query = self._network.prepare_query(self._prepared, features)
            encoded = time.perf_counter()
            both = self._network.log_likelihood(self._prepared, query, poses[None, None])[0, 0].float()
        timings = {"network": (encoded - start) * 1e3, "particles": (time.perf_counter() - encoded) * 1e3}
        return MapReading(features[0, 0], both[: len(particles)], used, both[len(particles) :], timings)

    @torch.inference_mode()
    def read_everywhere(self, image: Image, poses: Tensor) -> MapReading:
        """Compute log-likelihoods of an image at poses (K, 3) all over a large map, with all views that they read.

        The reading has no reference poses. It takes many times as long as `read`.
        """
        start, cameras = time.perf_counter(), self._cameras(poses)
        log_likelihood = cameras.new_empty(len(cameras))
        with self._precision():
            features = self._network.query_embedding(self._tensor(image))[None]
        encoded, evaluated = time.perf_counter(), []
        for group in neighbourhoods(poses, _GROUP):
            near = egocentric.nearest_views(self._view_poses, cameras[group], self._nearest, self._reach)
            self._prepare(torch.unique(near).cpu())
            with self._precision():
                query = self._network.prepare_query(self._prepared, features)
                found = self._network.log_likelihood(self._prepared, query, cameras[group][None, None])
            log_likelihood[group] = found[0, 0].float()
            evaluated.append(self._evaluated)
        self._evaluated = torch.unique(torch.cat(evaluated))
        timings = {"network": (encoded - start) * 1e3, "particles": (time.perf_counter() - encoded) * 1e3}
        none = cameras.new_zeros(0)
        return MapReading(features[0, 0], log_likelihood, none.long(), none, timings)

    @torch.inference_mode()
    def update_reliability(self, features: Tensor, pose: Tensor, reference: Tensor) -> None:
        """Update the reliability of the views next to a pose (3,) by an image with these features (C, h, w).

        Args:
            features: embedding of the image.
            pose: pose of the base at the image.
            reference: (R, 3) poses all over the map; the pose is compared with the first ones.
        """
        camera, others = self._cameras(pose.to(reference)), self._cameras(reference[:_UPDATE_REFERENCES])
        near = egocentric.nearest_views(self._view_poses, camera[None], _UPDATED, self._reach)[0].cpu()
        views = self._map.features[near].to(self._device)
        with self._precision():
            evidence = view_evidence(self._network, views, self._view_poses[near], features, camera, others)
        self._reliability = updated(self._reliability, near.numpy(), evidence.double().cpu().numpy())
        self._reweigh()

    @property
    def large(self) -> bool:
        """True if the map has more views than one image is compared with."""
        return len(self._map) > self._most

    def _prepare(self, selected: Tensor) -> None:
        """Use these views from now on."""
        self._evaluated = selected
        if self._selected is not None and torch.equal(selected, self._selected):
            return
        kept = self._kept
        prepared = self._prepared_views(selected) if kept is None else kept.selected(selected.to(self._device))
        self._prepared: PreparedMap = prepared
        self._selected = selected
        self._reweigh()

    def _prepared_views(self, selected: Tensor) -> ViewMap:
        features = self._map.features[selected].to(self._device)
        with self._precision():
            prepared = self._network.prepare_map(features[None], self._view_poses[selected][None])
        assert isinstance(prepared, ViewMap), "a context map has views"
        return prepared

    def _prepare_near(self, draws: Tensor, reference: Tensor) -> Tensor:
        """Prepare the views that draws (D, 3) read; return the indices of the reference poses (R, 3) that can be used.

        Three quarters of the views are for the draws. The others are for the reference poses, in their order, as far
        as the views suffice: the first poses of a uniform sample are a uniform sample, too.
        """
        near = select_views(self._view_poses, draws, nearest=self._nearest, reach=self._reach, most=self._most * 3 // 4)
        own = egocentric.nearest_views(self._view_poses, reference, 1, self._reach).squeeze(-1)
        used = (sum_of_new(own, near) <= self._most - len(near)).nonzero().squeeze(-1)
        self._prepare(torch.unique(torch.cat([near, own[used]])).cpu())
        return used

    def _reweigh(self) -> None:
        """Reduce the attention to unreliable views."""
        weights = attention_weights(self._reliability[self._selected])
        self._prepared = self._network.reweighted(self._prepared, self._view_poses.new_tensor(weights)[None])

    def _cameras(self, poses: Tensor) -> Tensor:
        """Poses of the cameras (..., 3) in map units, from poses of the base (..., 3) in metres."""
        return egocentric.compose(poses, self._mount) / self._unit

    def _tensor(self, image: Image) -> Tensor:
        return images_to_tensor(torch.from_numpy(np.require(image, requirements=("C", "W")))[None].to(self._device))

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half)
