"""COLMAP: a sparse model (``cameras``, ``images``; .txt or .bin) and the folder of its pictures.

A model that was not aligned to measured positions has an arbitrary scale and arbitrary axes. Its unit is then not the
metre, but the file does not name its unit. Poses are camera_T_map, of the optical frame.
"""

from __future__ import annotations

from pathlib import Path

from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.colmap_model import model_folder, read_model
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.posed_pictures import PosedPicture, sequence_of
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import Finding, ReadingSummary
from localization_common.errors import DatasetError


def read_colmap(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of a model and the pictures beside it, in order of their names.

    Args:
        path: directory with ``sparse/0`` (or ``sparse``, or the files themselves) and ``images``.
        options: ``camera``.

    Raises:
        DatasetError: no model, a damaged file, a camera model that cannot be read, or no pictures.
    """
    options = options or RecordingOptions()
    directory = frame_files.require_directory(path)
    folder = model_folder(directory)
    if folder is None:
        raise DatasetError(f"{directory}: no COLMAP model (cameras.txt and images.txt, or .bin) here or in sparse/0")
    cameras, images = read_model(folder)
    if not images:
        raise DatasetError(f"{folder}: no picture is registered in this model")
    pictures = _picture_folder(directory, folder, [image.name for image in images[:50]])
    summary = ReadingSummary(f"{directory} (COLMAP)").with_found(Finding("model", f"{folder}, {len(images)} pictures"))
    posed = [
        PosedPicture(image.name, pictures / image.name, cameras[image.camera], image.map_T_camera) for image in images
    ]
    sentence = "the model's unit is the metre and its z axis is up (not in COLMAP's files; colmap model_aligner aligns)"
    name = directory.resolve().name
    return sequence_of(name, posed, options, summary.with_assumed(sentence), origin="the model")


def _picture_folder(directory: Path, folder: Path, examples: list[str]) -> Path:
    """Nearest folder that holds one of these pictures."""
    places = [directory, *directory.parents[:3]] if directory == folder else [directory]
    candidates = [place / name for place in places for name in ("images", "rgb", ".")]
    found = next((c for c in candidates if any(picture_files.is_file(c / example) for example in examples)), None)
    return found or candidates[0]
