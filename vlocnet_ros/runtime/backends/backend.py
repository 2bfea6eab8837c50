"""Interface of the libraries that run the network."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet

Image = npt.NDArray[np.uint8]
#: Features of a frame that a backend keeps for the next one; opaque to others.
Features = Any
#: End of the name of a backend that computes in half precision.
HALF = ", half precision"


class Backend(Protocol):
    """Runs the network as a stream of frames.

    Attributes:
        name: library and number format, for messages.
    """

    name: str

    @property
    def network(self) -> VLocNet | None:
        """PyTorch network, for Grad-CAM; None if another library runs it."""

    @property
    def motion_prior(self) -> npt.NDArray[np.float64] | None:
        """Standard deviation (6,) of the regressed motion (`MotionPrior`); None without direct alignment."""

    def step(self, image: Image, previous: Features | None, labels: bool = True) -> tuple[Features, Prediction]:
        """Run one frame.

        Args:
            image: (height, width, 3) uint8 RGB, as the network was trained with.
            previous: features of the frame before; None for a first frame, which is decoded with itself.
            labels: False if the labels are not needed; a backend that saves time then predicts no ``logits``.

        Returns:
            Features to keep, and the prediction as float32 on the CPU, for a batch of one.
        """
        ...
