"""Nested named tuples of tensors as a flat mapping and back, to keep, select and export the features of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T", bound=tuple[Any, ...])


def flatten(values: tuple[Any, ...]) -> dict[str, Tensor]:
    """Return the tensors by their dotted names, in order, without those that are None.

    Example:
        ``FrameFeatures(trunk=a, segmentation=SegmentationFeatures(block1=b, ...), ...)`` gives
        ``{"trunk": a, "segmentation.block1": b, ...}``.
    """
    found: dict[str, Tensor] = {}
    for name, value in _items(values):
        if isinstance(value, tuple):
            found |= {f"{name}.{inner}": tensor for inner, tensor in flatten(value).items()}
        elif value is not None:
            found[name] = value
    return found


def unflatten(like: T, tensors: Mapping[str, Any]) -> T:
    """Return tuples of the same structure with other tensors, named as by `flatten`; unnamed tensors stay."""
    parts: list[Any] = []
    for name, value in _items(like):
        if isinstance(value, tuple):
            inner = {n[len(name) + 1 :]: tensor for n, tensor in tensors.items() if n.startswith(f"{name}.")}
            parts.append(unflatten(value, inner))
        else:
            parts.append(tensors.get(name, value))
    make: Any = getattr(type(like), "_make", type(like))
    result: T = make(parts)
    return result


def _items(values: tuple[Any, ...]) -> zip[tuple[str, Any]]:
    names = getattr(values, "_fields", None) or [str(i) for i in range(len(values))]
    return zip(names, values, strict=True)
