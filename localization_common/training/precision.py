"""Number format of a training: the faster one on this machine."""

from __future__ import annotations

import functools
import time
from typing import Literal

import torch
from torch import nn

#: Lightning's name of a number format, or ``auto`` for the faster one.
Precision = Literal["auto", "32-true", "bf16-mixed"]

#: Rounds of the measurement; the fastest counts.
_ROUNDS = 3


def chosen_precision(wanted: Precision, accelerator: str) -> Literal["32-true", "bf16-mixed"]:
    """Return the number format to train in.

    GPUs are faster in bfloat16. CPUs are if they have units for its matrices (AMX); others lose a third of their speed.
    Therefore a convolution is measured in both formats, which takes some tenths of a second.

    Args:
        wanted: format, or ``auto``.
        accelerator: kind of device, in Lightning's terms.
    """
    if wanted != "auto":
        return wanted
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed"
    half, full = (min(_seconds(half) for _ in range(_ROUNDS)) for half in (True, False))
    return "bf16-mixed" if half < full else "32-true"


@functools.cache
def matrix_format(device: str) -> torch.dtype:
    """Return the faster number format for products of matrices on a device: bfloat16 or float32.

    CPUs without instructions for bfloat16 are sixty times slower in it. A CPU is measured once.

    Args:
        device: type of the device in torch's notation, such as ``cpu``.
    """
    if device != "cpu":
        return torch.bfloat16
    formats = (torch.float32, torch.bfloat16)
    return min(formats, key=lambda dtype: min(_product_seconds(dtype) for _ in range(_ROUNDS)))


def _product_seconds(dtype: torch.dtype) -> float:
    matrix = torch.zeros(128, 128, dtype=dtype)
    began = time.perf_counter()
    matrix @ matrix
    return time.perf_counter() - began


def _seconds(half: bool) -> float:
    """Measure a training step of a convolution, as in the trunks of the networks."""
    convolution = nn.Conv2d(64, 64, 3, padding=1)
    images = torch.zeros(16, 64, 28, 40).contiguous(memory_format=torch.channels_last)
    began = time.perf_counter()
    with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = convolution(images).relu().float().mean()
        torch.autograd.backward(loss)
    return time.perf_counter() - began
