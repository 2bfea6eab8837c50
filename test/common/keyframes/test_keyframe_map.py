"""Files of keyframe maps: complete, mapped, and refused if they are damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_views import cameras, make_map, scene

from localization_common.errors import CheckpointError, LocalizationError, MapError
from localization_common.files import tensor_files
from localization_common.keyframes import keyframe_map
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.retrieval import thumbnail

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "apartment_keyframes.safetensors"
ARRAYS = (
    "points", "descriptors", "appearance_point", "directions", "ranges", "thumbnails", "repeated_view", "tile_first",
)  # fmt: skip


@pytest.fixture
def example_map() -> KeyframeMap:
    repeated_view = np.array([False, True, False])
    vectors = ImageVectors.of([scene(50, seed)[1] for seed in range(3)])
    return make_map(
        *scene(50), cameras(3), lens=LensCorrection(1.02, -0.03), repeated_view=repeated_view, card={"frames": 3},
        image_vectors=vectors,
    ).tiled()  # fmt: skip


@pytest.fixture
def path(example_map: KeyframeMap, tmp_path: Path) -> Path:
    example_map.save(tmp_path / "map.safetensors")
    return tmp_path / "map.safetensors"


def changed(path: Path, header: dict[str, object] | None = None, **tensors: torch.Tensor) -> Path:
    """Change tensors and entries of the header of the file."""
    old, old_header = tensor_files.load(path, kind=keyframe_map.KIND)
    tensor_files.save(path, kind=keyframe_map.KIND, tensors=old | tensors, header=old_header | (header or {}))
    return path


def test_a_map_is_read_as_it_was_written(example_map: KeyframeMap, path: Path) -> None:
    read = KeyframeMap.load(path)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(read, name), getattr(example_map, name), err_msg=name)
        assert getattr(read, name).dtype == getattr(example_map, name).dtype, name
    for name in ("given", "adjusted", "variance"):
        np.testing.assert_array_equal(
            getattr(read.correction, name), getattr(example_map.correction, name), err_msg=name
        )
    assert (read.correction.metres, read.correction.radians) == (
        example_map.correction.metres,
        example_map.correction.radians,
    )
    assert (read.lens, read.focal, read.features) == (example_map.lens, example_map.focal, example_map.features)
    assert (read.noise, read.card) == (example_map.noise, {"frames": 3})
    assert read.image_vectors is not None
    assert example_map.image_vectors is not None
    np.testing.assert_array_equal(read.image_vectors.words, example_map.image_vectors.words)
    np.testing.assert_array_equal(read.image_vectors.vectors, example_map.image_vectors.vectors)


def test_a_file_of_version_2_is_one_tile(path: Path) -> None:
    tensors, header = tensor_files.load(path, kind=keyframe_map.KIND)
    old = {name: tensor for name, tensor in tensors.items() if name not in ("tile_first", "basis")}
    tensor_files.save(path, kind=keyframe_map.KIND, tensors=old, header=header | {"version": 2})
    np.testing.assert_array_equal(KeyframeMap.load(path).tile_first, [0])


@pytest.mark.parametrize("first", [[], [1, 5], [0, 5, 5], [0, 50]])
def test_tiles_that_are_none_are_refused(path: Path, first: list[int]) -> None:
    with pytest.raises(CheckpointError, match="do not fit together"):
        KeyframeMap.load(changed(path, tile_first=torch.tensor(first, dtype=torch.int32)))


def test_similar_keyframes_are_found_by_vectors_or_without_these_by_thumbnails(example_map: KeyframeMap) -> None:
    """Use an image with the thumbnail of one keyframe and the features of another."""
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    thumbnails = example_map.thumbnails.copy()
    thumbnails[0] = thumbnail(image)
    descriptors = scene(50, 2)[1]
    known = replace(example_map, thumbnails=thumbnails)
    assert known.similar_to_image(image, descriptors, 2)[0] == 2
    assert len(known.similar_to_image(image, descriptors, 2)) == 2
    assert replace(known, image_vectors=None).similar_to_image(image, descriptors, 2)[0] == 0


def test_keyframes_similar_to_a_keyframe_are_found_among_others(example_map: KeyframeMap) -> None:
    assert example_map.image_vectors is not None
    vectors = example_map.image_vectors.vectors
    twins = replace(example_map.image_vectors, vectors=np.stack([vectors[0], vectors[1], vectors[0]]))
    by_vectors = replace(example_map, image_vectors=twins)
    assert by_vectors.similar_to_keyframe(0, np.array([1, 2]), 5).tolist() == [2, 1]
    assert by_vectors.similar_to_keyframe(0, np.array([1]), 5).tolist() == [1]
    pictures = example_map.thumbnails[[0, 1, 1]]
    by_thumbnails = replace(example_map, image_vectors=None, thumbnails=pictures)
    assert by_thumbnails.similar_to_keyframe(2, np.array([0, 1]), 1).tolist() == [1]


def test_files_of_version_1_have_no_vectors(example_map: KeyframeMap, tmp_path: Path) -> None:
    assert KeyframeMap.load(SHIPPED).image_vectors is None
    replace(example_map, image_vectors=None).save(tmp_path / "old")
    assert tensor_files.load(tmp_path / "old", kind=keyframe_map.KIND)[1]["version"] == 1
    assert KeyframeMap.load(tmp_path / "old").image_vectors is None


def test_descriptors_keep_their_directions(path: Path) -> None:
    points, descriptors = scene(50)
    known, rows = KeyframeMap.load(path), np.array([3, 41])
    read = known.float_descriptors(rows)
    own = [int(np.linalg.norm(points - known.points[row], axis=1).argmin()) for row in rows]
    assert ((read * descriptors[own]).sum(axis=1) > 0.998).all()
    np.testing.assert_allclose(np.linalg.norm(read, axis=1), 1.0, atol=1e-6)
    assert KeyframeMap.load(path).float_descriptors(rows[:0]).shape == (0, 128)


def test_tensors_stay_in_the_file_until_they_are_used(path: Path) -> None:
    read = KeyframeMap.load(path)
    data = path.read_bytes()
    place = data.index(read.descriptors.tobytes())
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([123]))
    assert read.descriptors[0, 0] == 123


def test_poses_near_a_repeated_view_are_found(example_map: KeyframeMap) -> None:
    poses = example_map.correction.adjusted
    assert [example_map.near_repeated_view(pose, 1e-6) for pose in poses] == [False, True, False]
    away = float(np.linalg.norm(poses[0, :3, 3] - poses[1, :3, 3]))
    assert example_map.near_repeated_view(poses[0], 1.01 * away)
    assert not example_map.near_repeated_view(poses[0], 0.99 * away)


def test_a_failed_write_keeps_the_old_map(example_map: KeyframeMap, path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(TypeError):
        make_map(*scene(10), cameras(1), card={"not JSON": object()}).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    (tmp_path / "a file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        example_map.save(tmp_path / "a file" / "map.safetensors")


@pytest.mark.parametrize("size", [0, 5, 400, -100])
def test_truncated_files_are_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        KeyframeMap.load(path)


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        KeyframeMap.load(tmp_path / "absent.safetensors")
    tensor_files.save(tmp_path / "other", kind="context_map", tensors={"a": torch.zeros(1)}, header={})
    with pytest.raises(CheckpointError, match="holds a 'context_map', not a 'keyframe_map'"):
        KeyframeMap.load(tmp_path / "other")
    with pytest.raises(MapError, match="version 99, this program reads 1 to 3; build it again"):
        KeyframeMap.load(changed(path, {"version": 99}))


@pytest.mark.parametrize(
    "header",
    [{"lens": [1.0]}, {"lens": None}, {"kernel": [0.1, 0.2, 0.3]}, {"focal": "wide"}, {"noise": None}, {"card": 3}],
)
def test_damaged_headers_are_refused(path: Path, header: dict[str, object]) -> None:
    with pytest.raises(MapError, match="header is damaged"):
        KeyframeMap.load(changed(path, header))


@pytest.mark.parametrize(
    "tensors",
    [
        {"points": torch.zeros(50, 3, dtype=torch.float64)},
        {"points": torch.zeros(50, 2)},
        {"points": torch.zeros(49, 3)},  # fewer than its appearances refer to
        {"ranges": torch.ones(49)},
        {"appearance_point": torch.arange(50, dtype=torch.int32).flip(0)},
        {"appearance_point": torch.arange(50, dtype=torch.int32) - 1},
        {"thumbnails": torch.zeros(3, 100, dtype=torch.uint8)},
        {"doubles": torch.zeros(2, dtype=torch.bool)},
        {"extra": torch.zeros(1)},
        {"vectors": torch.zeros(2, 64 * 128, dtype=torch.int8)},
        {"vectors": torch.zeros(3, 128, dtype=torch.int8)},
        {"words": torch.zeros(64, 128)},
        {"given": torch.zeros(0, 4, 4, dtype=torch.float64)},
    ],
)
def test_tensors_that_do_not_fit_are_refused(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match="build the map again"):
        KeyframeMap.load(changed(path, **tensors))


def test_a_map_without_anything_is_refused(path: Path) -> None:
    empty = {n: t[:0] for n, t in tensor_files.load(path, kind=keyframe_map.KIND)[0].items() if n != "variance"}
    with pytest.raises(LocalizationError, match="build the map again"):
        KeyframeMap.load(changed(path, **empty))


def test_a_map_with_fewer_keyframes_keeps_its_points() -> None:
    points = np.random.default_rng(0).uniform(1.0, 3.0, (20, 3))
    looks = np.eye(128, dtype=np.float32)[:20]
    keyframes = cameras(3)
    vectors = ImageVectors.of([scene(100, seed)[1] for seed in range(3)])
    whole = make_map(points, looks, keyframes, repeated_view=np.array([True, False, False]), image_vectors=vectors)
    left = whole.with_keyframes(np.array([False, True, True]))
    np.testing.assert_array_equal(left.correction.adjusted, keyframes[1:])
    np.testing.assert_array_equal(left.thumbnails, whole.thumbnails[1:])
    np.testing.assert_array_equal(left.repeated_view, [False, False])
    assert left.image_vectors is not None
    assert vectors is not None
    np.testing.assert_array_equal(left.image_vectors.vectors, vectors.vectors[1:])
    assert len(left.points) == len(points)
