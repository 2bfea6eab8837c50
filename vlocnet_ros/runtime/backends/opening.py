"""Choice of the backend for a file."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import torch

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files.paths import user_path
from localization_common.files.reading import open_file
from vlocnet_ros.runtime.backends.backend import Backend
from vlocnet_ros.runtime.backends.exported import ExportedBackend
from vlocnet_ros.runtime.backends.fastest import fastest
from vlocnet_ros.runtime.backends.onnx_backend import open_onnx
from vlocnet_ros.runtime.backends.openvino_backend import open_openvino
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import Checkpoint, Description, load_vlocnet

AUTO, TORCH, ONNX, OPENVINO, TENSORRT = "auto", "torch", "onnx", "openvino", "tensorrt"
BACKENDS = (AUTO, TORCH, ONNX, OPENVINO, TENSORRT)
#: Suffixes of the files that vlocnet_export writes beside a checkpoint.
SINGLE, INT8 = ".onnx", ".int8.onnx"

Opened = tuple[Description, Backend]


def open_backend(
    path: str | Path, *, backend: str | None = None, device: str = "cpu", half: bool = False, threads: int | None = None
) -> Opened:
    """Open a network for inference, with its description.

    Args:
        path: checkpoint (.safetensors), or a file of `vlocnet_export` (.onnx).
        backend: ``torch``; ``onnx``, ``openvino`` or ``tensorrt``, which run the .onnx file beside a checkpoint; or
            ``auto``, which measures those that can be used and takes the fastest (`fastest`). None: torch for a
            checkpoint, auto for an exported file.
        device: name of a torch device.
        half: half precision, with torch.
        threads: number of CPU threads, for the whole process; None leaves it unchanged.

    Raises:
        CheckpointError: a file is missing, damaged or foreign, or the .onnx file was made from another checkpoint.
        ConfigError: the backend, the device or the precision is not available.
    """
    path = user_path(path, "checkpoint")
    exported = path.suffix == SINGLE
    backend = backend or (AUTO if exported else TORCH)
    if backend not in BACKENDS:
        raise ConfigError(f"backend: {backend!r} is none of {', '.join(BACKENDS)}")
    if threads is not None:
        if threads < 1:
            raise ConfigError(f"threads: {threads} must be at least 1")
        torch.set_num_threads(threads)
    if exported and backend == TORCH:
        raise ConfigError(f"backend: torch cannot run {path}; give the checkpoint (.safetensors), or take backend onnx")
    if half and (exported or backend not in (AUTO, TORCH)):
        raise ConfigError("half: exported networks compute in single precision; leave it off, or take backend torch")
    if backend not in (AUTO, TORCH):
        if exported:
            return _exported(path, backend, device, threads)
        return _exported_from(path, sha256(path), path.with_suffix(SINGLE), backend, device, threads)
    if exported:
        libraries = (OPENVINO, ONNX)
        return fastest({f"{one}, {path.name}": partial(_exported, path, one, device, threads) for one in libraries})
    checkpoint = load_vlocnet(path)
    own = partial(_torch, checkpoint, device, half)
    files = [file for suffix in (SINGLE, INT8) if (file := path.with_suffix(suffix)).is_file()]
    if backend == TORCH or half or not files:
        return own()
    origin = sha256(path)
    ways = {
        f"{library}, {file.name}": partial(_exported_from, path, origin, file, library, device, threads)
        for file in files
        for library in (OPENVINO, ONNX)
    }
    return fastest({TORCH: own, **ways})


def _torch(checkpoint: Checkpoint, device: str, half: bool) -> Opened:
    return checkpoint, TorchBackend(checkpoint.network, device=device, half=half)


def _exported(file: Path, library: str, device: str, threads: int | None) -> tuple[Description, ExportedBackend]:
    """Open an exported file."""
    if library == OPENVINO:
        opened = open_openvino(file, device=device, threads=threads)
    else:
        opened = open_onnx(file, device=device, threads=threads, backend=library)
    return opened.description, opened


def _exported_from(path: Path, origin: str, file: Path, library: str, device: str, threads: int | None) -> Opened:
    """Open an exported file, which must have been made from a checkpoint with this hash."""
    opened = _exported(file, library, device, threads)
    if opened[1].origin != origin:
        raise CheckpointError(f"{file}: was made from another checkpoint than {path}; type: vlocnet_export {path}")
    return opened


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
