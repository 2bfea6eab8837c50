"""Reads a context map: what it says of an image at poses, and how far each of its views can still be relied on."""

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
from dmn_ros.map.view_selection import select_views, sum_of_new
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN
from dmn_ros.network.embedding import images_to_tensor

Image = npt.NDArray[np.uint8]

#: Particles that choose the views of a large map, and an order in which any first few are spread over the belief.
_DRAWS = 128
_SPREAD = torch.arange(_DRAWS) * 79 % _DRAWS
#: Views next to a pose that are judged by an image, and poses that they are judged against.
_JUDGED, _JUDGED_AGAINST = 8, 64


@dataclass(frozen=True)
class Reading:
    """What a map says of one image.

    Attributes:
        features: (C, h, w) of the image.
        log_likelihood: (K,) of the particles.
        reference: (R,) indices of the reference poses that were weighed, too.
        reference_log_likelihood: (R,) of these.
        timings: milliseconds of the image's and of the particles' share.
    """

    features: Tensor
    log_likelihood: Tensor
    reference: Tensor
    reference_log_likelihood: Tensor
    timings: dict[str, float]


class MapReader:
    """A network, a map that fits it, and those views of the map that are ready to be compared with images.

    Poses are of the base, metres and radians; the network is told where the cameras are, in map units.
    """

    def __init__(self, network: DMN, *, device: torch.device, half: bool, most_views: int) -> None:
        """Args are the network, where and how precisely it runs, and with how many views an image is compared."""
        self._network = network.eval().to(device)
        self._device, self._half, self._most = device, half, most_views
        config = network.config
        self._nearest, self._reach = config.nearest_views, config.view_reach / config.metres_per_unit

    @torch.inference_mode()
    def use(self, context_map: ContextMap, name: str | Path = "map") -> None:
        """Read this map from now on; raises MapError if another network made it."""
        context_map.require_made_by(self._network, name)
        self._map, self._reliability = context_map, context_map.reliability
        self._mount = torch.tensor(context_map.mount, device=self._device)
        self._unit = torch.tensor([context_map.scale, context_map.scale, 1.0], device=self._device)
        self._view_poses = self._cameras(torch.from_numpy(context_map.poses).to(self._device, torch.float32))
        self._selected: Tensor | None = None
        if not self._large:
            self._prepare(torch.arange(len(context_map)))

    @property
    def context_map(self) -> ContextMap:
        """The map as it is now, with how far its views can be relied on."""
        if not np.array_equal(self._reliability, self._map.reliability):
            self._map = replace(self._map, reliability=self._reliability)
        return self._map

    @property
    def evaluated_views(self) -> npt.NDArray[np.int64]:
        """Positions (n,) in the map of the views that the last image was compared with."""
        return np.array([] if self._selected is None else self._selected.cpu().numpy(), dtype=np.int64)

    @torch.inference_mode()
    def embedding(self, image: Image) -> Tensor:
        """Embedding (C, h, w) of an image (H, W, 3) of the network's camera, for the map, on the CPU."""
        with self._precision():
            return self._network.context_embedding(self._tensor(image))[0].float().cpu()

    @torch.inference_mode()
    def read(self, image: Image, particles: Tensor, log_weights: Tensor, reference: Tensor) -> Reading:
        """What the map says of an image (H, W, 3) of the network's camera.

        Args:
            particles: (K, 3) poses. log_weights: (K,) normalised; of a large map, the views that the belief reads
                are compared.
            reference: (R, 3) further poses, spread over the map; of a large map as many are used as their views allow.
        """
        start = time.perf_counter()
        cameras, others = self._cameras(particles), self._cameras(reference)
        used = torch.arange(len(others), device=self._device)
        if self._large:
            drawn = resampling.systematic_indices(log_weights.exp(), _DRAWS, cameras.new_tensor(0.5))
            used = self._prepare_near(cameras[drawn[_SPREAD.to(drawn.device)]], others)
        poses = torch.cat([cameras, others[used]])
        with self._precision():
            features = self._network.query_embedding(self._tensor(image))[None]
            query = self._network.prepare_query(self._prepared, features)
            encoded = time.perf_counter()
            both = self._network.log_likelihood(self._prepared, query, poses[None, None])[0, 0].float()
        timings = {"network": (encoded - start) * 1e3, "particles": (time.perf_counter() - encoded) * 1e3}
        return Reading(features[0, 0], both[: len(particles)], used, both[len(particles) :], timings)

    @torch.inference_mode()
    def judge(self, features: Tensor, pose: Tensor, reference: Tensor) -> None:
        """Rely more, or less, on the views next to a pose (3,), as an image with these features (C, h, w) says.

        Args:
            reference: (R, 3) poses all over the map; the first of them are what the pose is judged against.
        """
        camera, others = self._cameras(pose.to(reference)), self._cameras(reference[:_JUDGED_AGAINST])
        judged = egocentric.nearest_views(self._view_poses, camera[None], _JUDGED, self._reach)[0].cpu()
        views = self._map.features[judged].to(self._device)
        with self._precision():
            evidence = view_evidence(self._network, views, self._view_poses[judged], features, camera, others)
        self._reliability = updated(self._reliability, judged.numpy(), evidence.double().cpu().numpy())
        self._reweigh()

    @property
    def _large(self) -> bool:
        return len(self._map) > self._most

    def _prepare(self, selected: Tensor) -> None:
        """Have these views ready; the embeddings of others need not even be in memory."""
        if self._selected is not None and torch.equal(selected, self._selected):
            return
        features = self._map.features[selected].to(self._device)
        with self._precision():
            self._prepared = self._network.prepare_map(features[None], self._view_poses[selected][None])
        self._selected = selected
        self._reweigh()

    def _prepare_near(self, draws: Tensor, reference: Tensor) -> Tensor:
        """Have the views that draws (D, 3) read ready; answers which of reference (R, 3) have theirs among them.

        Most of the views are the draws'. The rest go to the reference poses, which are used as far as they last: the
        first so many of poses that are uniform over the map are uniform, too.
        """
        near = select_views(self._view_poses, draws, nearest=self._nearest, reach=self._reach, most=self._most * 3 // 4)
        own = egocentric.nearest_views(self._view_poses, reference, 1, self._reach).squeeze(-1)
        used = (sum_of_new(own, near) <= self._most - len(near)).nonzero().squeeze(-1)
        self._prepare(torch.cat([near, own[used]]).unique().cpu())
        return used

    def _reweigh(self) -> None:
        """Lessen the attention to doubtful views."""
        weights = attention_weights(self._reliability[self.evaluated_views])
        self._prepared = self._network.reweighted(self._prepared, self._view_poses.new_tensor(weights)[None])

    def _cameras(self, poses: Tensor) -> Tensor:
        """Where the cameras are (..., 3), map units, of bases (..., 3) in metres."""
        return egocentric.compose(poses, self._mount) / self._unit

    def _tensor(self, image: Image) -> Tensor:
        return images_to_tensor(torch.from_numpy(np.require(image, requirements=("C", "W")))[None].to(self._device))

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half)
