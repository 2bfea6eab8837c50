"""Choice of the backend for a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files.paths import user_path
from localization_common.files.reading import open_file
from vlocnet_ros.runtime.backends.backend import Backend
from vlocnet_ros.runtime.backends.onnx_backend import OnnxBackend
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import Description, load_vlocnet

AUTO, TORCH, ONNX = "auto", "torch", "onnx"
BACKENDS = (AUTO, TORCH, ONNX)


def open_backend(
    path: str | Path, *, backend: str = AUTO, device: str = "cpu", half: bool = False, threads: int | None = None
) -> tuple[Description, Backend]:
    """Open a network for inference, with its description.

    Args:
        path: checkpoint (.safetensors), or the file of `vlocnet_export` (.onnx).
        backend: ``torch``; ``onnx``, which takes the .onnx file beside a checkpoint; or ``auto``, by the path's suffix.
        device: name of a torch device.
        half: half precision, with torch.
        threads: number of CPU threads, for the whole process; None leaves it unchanged.

    Raises:
        CheckpointError: a file is missing, damaged or foreign, or the .onnx file was made from another checkpoint.
        ConfigError: the backend, the device or the precision is not available.
    """
    path = user_path(path, "checkpoint")
    if backend not in BACKENDS:
        raise ConfigError(f"backend: {backend!r} is none of {', '.join(BACKENDS)}")
    if threads is not None:
        if threads < 1:
            raise ConfigError(f"threads: {threads} must be at least 1")
        torch.set_num_threads(threads)
    exported = path.suffix == ".onnx"
    if backend == TORCH and exported:
        raise ConfigError(f"backend: torch cannot run {path}; give the checkpoint (.safetensors), or take backend onnx")
    if backend == TORCH or not (backend == ONNX or exported):
        checkpoint = load_vlocnet(path)
        return checkpoint, TorchBackend(checkpoint.network, device=device, half=half)
    if half:
        raise ConfigError("half: exported networks compute in single precision; leave it off, or take backend torch")
    onnx = OnnxBackend(path.with_suffix(".onnx"), device=device, threads=threads)
    if not exported and onnx.origin != sha256(path):
        raise CheckpointError(
            f"{path.with_suffix('.onnx')}: was made from another checkpoint than {path}; type: vlocnet_export {path}"
        )
    return onnx.description, onnx


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        CheckpointError: the file cannot be read.
    """
    try:
        with open_file(path) as file:
            digest = hashlib.sha256()
            while part := file.read(1 << 20):
                digest.update(part)
            return digest.hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error
