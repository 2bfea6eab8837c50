"""Tensors with a described header, in safetensors files: nothing in them can run code.

Network checkpoints and context maps share the container; ``kind`` tells them apart.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from localization_common.errors import CheckpointError

FORMAT = "deep_localization/1"


def save(path: str | Path, *, kind: str, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header, all or nothing.

    Raises:
        CheckpointError: the file cannot be written there.
    """
    # Clones, since safetensors refuses tensors that share memory (tied weights).
    contiguous = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "kind": kind, "header": json.dumps(header)}
    write_whole(path, _in_order(safetensors.torch.save(contiguous, metadata)))


def _in_order(data: bytes) -> bytes:
    """The safetensors file with its header's keys, which come in random order, sorted: equal contents, equal bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file aside, then rename it: no reader sees half of it, and one that was there before stays until then.

    Raises:
        CheckpointError: it cannot be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written ({error})") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | Path, *, kind: str, mapped: bool = False) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and header of a file that `save` wrote with this kind.

    Args:
        mapped: leave the tensors in the file, to be read when they are looked at. `save` puts a new file in the place
            of an old one, which does them no harm; a program that writes into the file changes them.

    Raises:
        CheckpointError: the file is missing, truncated, damaged, of another program or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        what = "is not a file" if path.exists() else "no such file"
        raise CheckpointError(f"{path}: {what}; give the .safetensors file of a {kind!r}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = read_header(path, file.metadata() or {}, kind)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            if not mapped:  # these tensors are views of the file: whoever changes it would change them
                tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a complete safetensors file ({error}); copy or train it again") from error
    return tensors, header


def read_header(path: Path, metadata: Mapping[str, str], kind: str) -> dict[str, Any]:
    """Header in a file's metadata, as `save` writes it.

    Raises:
        CheckpointError: the file is of another program or of another kind, or the header is damaged.
    """
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {metadata.get('format')!r}, this version reads {FORMAT!r}; was it written by this package?"
        )
    if metadata.get("kind") != kind:
        raise CheckpointError(f"{path}: holds a {metadata.get('kind')!r}, not a {kind!r}; give the other file")
    try:
        header = json.loads(metadata["header"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: header cannot be read ({error}); copy or train it again") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: header is a {type(header).__name__}, not an object; copy or train it again")
    return header
