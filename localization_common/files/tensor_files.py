"""Tensors with a JSON header in safetensors files, which cannot run code.

Network checkpoints and context maps share this format; they differ in ``kind``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files import headers
from localization_common.files.atomic_write import write_whole
from localization_common.files.paths import user_path
from localization_common.files.reading import open_file

FORMAT = "deep_localization/1"
_DTYPES = (
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
)  # fmt: skip
#: Bytes of a file: that of a network with two thousand million parameters.
_MOST_BYTES = 1 << 32
#: Tensors of a file; the largest network has 2,000.
_MOST_TENSORS = 10_000
#: Number of values that are checked together: few, so that a mapped file is not read into memory as a whole.
_AT_ONCE = 1 << 22


def save(path: str | Path, *, kind: str, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header, all or nothing.

    Raises:
        CheckpointError: the file cannot be written there.
    """
    # Clones, because safetensors refuses tensors that share memory (tied weights).
    contiguous = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "kind": kind, "header": json.dumps(header)}
    write_whole(path, _in_order(safetensors.torch.save(contiguous, metadata)))


def _in_order(data: bytes) -> bytes:
    """Sort the keys of a safetensors file's header, which come in random order: equal contents give equal bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def load(path: str | Path, *, kind: str, mapped: bool = False) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and header of a file that `save` wrote with this kind.

    Args:
        path: path of the file.
        kind: kind that the file must have.
        mapped: True to leave the tensors in the file; they are read when they are used. `save` replaces a file by a new
            one, which does not change them; a program that writes into the file changes them.

    Raises:
        CheckpointError: the file is missing, truncated, damaged, of another program or of another kind, or holds
            numbers that are not finite.
    """
    path = _existing(path, kind)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = read_header(path, file.metadata() or {}, kind)
            names = file.keys()
            if len(names) > _MOST_TENSORS:
                raise ValueError(f"{len(names)} tensors, at most {_MOST_TENSORS} are read")
            tensors = {name: file.get_tensor(name) for name in names}
            _require_numbers(path, tensors)
            if not mapped:  # these tensors are views of the file: a change of the file would change them
                tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise CheckpointError(f"{path}: not a complete safetensors file ({error}); copy or train it again") from error
    return tensors, header


def load_header(path: str | Path, *, kind: str) -> dict[str, Any]:
    """Header of a file that `save` wrote with this kind; its tensors are not read.

    Raises:
        CheckpointError: the file is missing, damaged, of another program or of another kind.
    """
    path = _existing(path, kind)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return read_header(path, file.metadata() or {}, kind)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a complete safetensors file ({error}); copy or train it again") from error


def read_header(path: Path, metadata: Mapping[str, str], kind: str) -> dict[str, Any]:
    """Header from a file's metadata, as `save` writes it.

    Raises:
        CheckpointError: the file is of another program or of another kind, or the header is damaged.
    """
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {metadata.get('format')!r:.100}, this version reads {FORMAT!r}; was it written by this "
            "package?"
        )
    if metadata.get("kind") != kind:
        raise CheckpointError(f"{path}: holds a {metadata.get('kind')!r:.100}, not a {kind!r}; give the other file")
    try:
        header = headers.parse(metadata["header"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: header cannot be read ({error}); copy or train it again") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: header is a {type(header).__name__}, not an object; copy or train it again")
    return header


def _existing(path: str | Path, kind: str) -> Path:
    """Path of an existing file whose header is not too large."""
    try:
        path = user_path(path, f"file of a {kind!r}")
        if not path.is_file():
            what = "is not a file" if path.exists() else "no such file"
            raise CheckpointError(f"{path}: {what}; give the .safetensors file of a {kind!r}")
        with open_file(path) as file:
            length = int.from_bytes(file.read(8), "little")
            size = os.fstat(file.fileno()).st_size
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if headers.MAX_BYTES < length <= size:
        raise CheckpointError(
            f"{path}: its header has {length} bytes, at most {headers.MAX_BYTES} are read; take another copy of it"
        )
    if size > _MOST_BYTES:
        raise CheckpointError(f"{path}: has {size} bytes, at most {_MOST_BYTES} are read; take another copy of it")
    return path


def _require_numbers(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in _DTYPES)
            raise CheckpointError(
                f"{path}: tensor {name!r:.100} is {tensor.dtype}, known are {known}; take another copy of the file"
            )
        if wrong := _not_finite(tensor):
            raise CheckpointError(
                f"{path}: tensor {name!r:.100} holds {wrong} NaN or infinite numbers of {tensor.numel()}; "
                "take another copy of the file, or make it again"
            )


def _not_finite(tensor: torch.Tensor) -> int:
    """Number of values of a tensor that are not finite; few of them are in memory at a time."""
    if not tensor.is_floating_point():
        return 0
    return sum(part.numel() - int(torch.isfinite(part).sum()) for part in torch.split(tensor.reshape(-1), _AT_ONCE))
