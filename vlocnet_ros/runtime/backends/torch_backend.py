"""Streaming step in PyTorch, on a CPU or a GPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from localization_common.errors import ConfigError
from vlocnet_ros.network.folding import folded
from vlocnet_ros.network.vlocnetpp import FrameFeatures, Prediction, VLocNet
from vlocnet_ros.runtime.backends.backend import HALF, Image


class TorchBackend:
    """Runs a copy of the network with its batch normalisations folded.

    Args:
        network: network to run.
        device: name of a torch device.
        half: half precision (float16 on a GPU, bfloat16 on a CPU); regression ends stay in float32.

    Raises:
        ConfigError: the device cannot be used.
    """

    def __init__(self, network: VLocNet, *, device: str = "cpu", half: bool = False) -> None:
        try:
            self._device = torch.device(device)
            self.network = folded(network).to(self._device).to(memory_format=torch.channels_last)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"device: {device!r} cannot be used ({str(error).splitlines()[0]})") from error
        self._dtype = torch.float16 if self._device.type == "cuda" else torch.bfloat16
        self._half = half
        self.name = "torch" + half * HALF
        alignment = self.network.alignment
        self.motion_prior = None if alignment is None else alignment.prior_std.double().cpu().numpy()

    @torch.inference_mode()
    def step(
        self, image: Image, previous: FrameFeatures | None, labels: bool = True
    ) -> tuple[FrameFeatures, Prediction]:
        """See `Backend.step`."""
        tensor = torch.from_numpy(np.require(image, requirements=("C", "W"))).to(self._device)
        features, prediction = self.run(tensor, previous, labels)
        return features, Prediction(*(None if t is None else t.float().cpu() for t in prediction))

    def run(
        self, image: Tensor, previous: FrameFeatures | None, labels: bool = True
    ) -> tuple[FrameFeatures, Prediction]:
        """Part of `step` that runs on the device; the image is (height, width, 3) uint8."""
        tensor = image.permute(2, 0, 1)[None].float() / 255.0
        with torch.autocast(self._device.type, self._dtype, enabled=self._half):
            features = self.network.encode(tensor)
            return features, self.network.decode(features, features if previous is None else previous, labels=labels)
