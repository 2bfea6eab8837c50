"""Choice of the backend for a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files.paths import user_path
from localization_common.files.reading import open_file
from vlocnet_ros.runtime.backends.backend import HALF, Backend
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
        half: half precision, with torch and openvino; ``auto`` measures both precisions.
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
    if half and backend in (ONNX, TENSORRT):
        raise ConfigError(f"half: backend {backend} computes in single precision; leave it off, or take openvino")
    if backend == TORCH:
        return _torch(load_vlocnet(path), device, half)
    files = _Files(device, threads, None if exported else path)
    if backend != AUTO:
        return files.open(path.with_suffix(SINGLE), backend, half)
    halves = (False, True) if half else (False,)
    ways: dict[str, Callable[[], Opened]] = {}
    if not exported:
        checkpoint = load_vlocnet(path)
        ways = {TORCH + one * HALF: partial(_torch, checkpoint, device, one) for one in halves}
    for file in [path] if exported else [path.with_suffix(SINGLE), path.with_suffix(INT8)]:
        if exported or file.is_file():
            ways |= {
                f"{OPENVINO}, {file.name}{one * HALF}": partial(files.open, file, OPENVINO, one)
                for one in ((False,) if file.name.endswith(INT8) else halves)
            }
            ways[f"{ONNX}, {file.name}"] = partial(files.open, file, ONNX)
    return fastest(ways)


def _torch(checkpoint: Checkpoint, device: str, half: bool) -> Opened:
    return checkpoint, TorchBackend(checkpoint.network, device=device, half=half)


@dataclass(frozen=True)
class _Files:
    """Opens exported files.

    Attributes:
        device: name of a torch device.
        threads: number of CPU threads; None: the library chooses.
        checkpoint: file that they must have been made from; None: any.
    """

    device: str
    threads: int | None
    checkpoint: Path | None

    def open(self, file: Path, library: str, half: bool = False) -> Opened:
        """Open a file in a library.

        Raises:
            CheckpointError: it is missing, damaged or foreign, or was made from another checkpoint.
            ConfigError: the library, the device or the precision is not available.
        """
        if library == OPENVINO:
            opened = open_openvino(file, device=self.device, half=half, threads=self.threads)
        else:
            opened = open_onnx(file, device=self.device, threads=self.threads, backend=library)
        if self.checkpoint is not None and opened.origin != self._origin:
            raise CheckpointError(
                f"{file}: was made from another checkpoint than {self.checkpoint}; "
                f"type: vlocnet_export {self.checkpoint}"
            )
        return opened.description, opened

    @cached_property
    def _origin(self) -> str:
        assert self.checkpoint is not None
        return sha256(self.checkpoint)


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
