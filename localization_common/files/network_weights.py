"""Networks from the tensors of a file. Names and shapes are compared before memory is allocated for the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from localization_common.errors import CheckpointError

N = TypeVar("N", bound=nn.Module)


def network_of(path: str | Path, tensors: Mapping[str, Tensor], build: Callable[[], N]) -> N:
    """Network with these weights as float32, on the CPU, in evaluation mode.

    Args:
        path: file of the tensors, for messages.
        tensors: name -> tensor.
        build: function that builds the network of the file's configuration, with any weights.

    Raises:
        CheckpointError: the tensors are not those of such a network.
    """
    _require_fit(path, tensors, build)
    try:
        network = build()
        network.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in tensors.items()})
    except (RuntimeError, MemoryError) as error:
        first = str(error).splitlines()[-1].strip().split(", ")[0]
        raise CheckpointError(f"{path}: weights do not fit their configuration ({first}); train it again") from error
    return network.eval()


class _Unfilled(TorchFunctionMode):
    """Mode of torch in which new parameters have a shape but no memory: those that layers create empty and fill later.

    With ``torch.device("meta")`` alone all other tensors would have no memory either, and torch would import its
    compiler for them.

    Args:
        most: largest number of parameters.

    Raises:
        RuntimeError: there are more parameters.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._made = most, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty:
            self._made += 1
            if self._made > self._most:
                raise RuntimeError(f"they need more than {self._most} parameters")
            return func(*args, **(kwargs | {"device": "meta"}))
        if args and isinstance(args[0], Tensor) and args[0].is_meta and _fills(func):
            return args[0]
        return func(*args, **kwargs)


def _fills(func: Any) -> bool:
    """Return True if a function of torch changes its first argument in place: its name ends with one underscore."""
    name = getattr(func, "__name__", "")
    return func is Tensor.__setitem__ or (name.endswith("_") and not name.endswith("__"))


def _require_fit(path: str | Path, tensors: Mapping[str, Tensor], build: Callable[[], N]) -> None:
    """Compare names, shapes and types with those of the network, which is built without memory for its weights."""
    try:
        with _Unfilled(2 * len(tensors) + 8):
            expected = build().state_dict()
    except (RuntimeError, TypeError, OverflowError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: weights do not fit their configuration (sizes in the header: {first}; the file has "
            f"{len(tensors)} tensors); take another copy of the file, or train it again"
        ) from error
    problems = [f"lacks {name}" for name in expected if name not in tensors]
    problems += [f"{name} is of no such network" for name in tensors if name not in expected]
    for name, tensor in tensors.items():
        if name in expected and tensor.shape != expected[name].shape:
            problems.append(f"{name} is {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}")
        elif name in expected and tensor.is_floating_point() != expected[name].is_floating_point():
            problems.append(f"{name} is {tensor.dtype}, expected {expected[name].dtype}")
    if problems:
        more = f", and {len(problems) - 1} more like this" if len(problems) > 1 else ""
        raise CheckpointError(
            f"{path}: weights do not fit their configuration ({problems[0]:.300}{more}); take another copy of the "
            "file, or train it again"
        )
