"""The one thing that a localizer asks of whatever runs its network."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet

Image = npt.NDArray[np.uint8]
#: What a backend keeps of a frame for the next one; nobody else looks into it.
Features = Any


class Backend(Protocol):
    """Runs the network as a stream of frames.

    Attributes:
        network: what runs, for those who ask more of it than its predictions; None if it is no longer PyTorch's.
    """

    network: VLocNet | None

    def step(self, image: Image, previous: Features | None) -> tuple[Features, Prediction]:
        """What to keep of a frame, and the prediction for it.

        Args:
            image: (height, width, 3) uint8 RGB, as the network was trained with.
            previous: what was kept of the frame before; None for a first frame, which is decoded with itself.

        Returns:
            Features, and the prediction as float32 on the CPU, for a batch of one.
        """
        ...
