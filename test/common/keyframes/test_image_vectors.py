"""Vectors of descriptors find the keyframes that show the same things, in any order and among others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.features import root_sift
from localization_common.keyframes.image_vectors import ImageVectors, aggregate

Floats = npt.NDArray[np.float32]
RNG = np.random.default_rng(0)
#: Descriptors of the features of six places.
PLACES = [root_sift(RNG.gamma(0.3, size=(120, 128)).astype(np.float32)) for _ in range(6)]


def seen_again(place: int, seed: int) -> Floats:
    """Return noisy descriptors of two thirds of a place's features, in another order, and of as many others."""
    rng = np.random.default_rng(seed)
    features = PLACES[place][rng.permutation(120)[:80]]
    others = root_sift(rng.gamma(0.3, size=(80, 128)).astype(np.float32))
    noisy = features + 0.03 * rng.standard_normal(features.shape).astype(np.float32)
    both = np.concatenate([noisy, others])
    return np.asarray(both / np.linalg.norm(both, axis=1, keepdims=True), dtype=np.float32)


def vectors() -> ImageVectors:
    made = ImageVectors.of(PLACES)
    assert made is not None
    return made


def test_a_place_is_found_by_a_part_of_its_features() -> None:
    known = vectors()
    assert known.vectors.shape == (6, 64 * 128)
    for place in range(6):
        similarity = known.similarity(seen_again(place, seed=place))
        assert similarity.argmax() == place
        assert similarity[place] > 2.0 * np.delete(similarity, place).max()


def test_the_similarity_is_the_product_of_exact_vectors() -> None:
    known, wanted = vectors(), seen_again(2, seed=9)
    words = known.words.astype(np.float32)
    exact = np.stack([aggregate(place, words) for place in PLACES])
    np.testing.assert_allclose(known.similarity(wanted), exact @ aggregate(wanted, words), atol=2e-3)
    np.testing.assert_allclose(known.similarity_to(3), exact @ exact[3], atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(exact, axis=1), 1.0, atol=1e-5)


def test_many_keyframes_have_short_vectors_that_find_the_same_places() -> None:
    """Add keyframes with features of no place, until there are so many that their vectors are shortened."""
    rng = np.random.default_rng(5)
    others = [root_sift(rng.gamma(0.3, size=(30, 128)).astype(np.float32)) for _ in range(1000)]
    known = ImageVectors.of([*PLACES, *others])
    assert known is not None
    assert known.vectors.shape == (1006, 256)
    for place in range(6):
        assert known.similarity(seen_again(place, seed=place)).argmax() == place
        assert known.similarity_to(place).argmax() == place
    kept = np.arange(1006) < 6
    np.testing.assert_allclose(known.select(kept).similarity(PLACES[1]), known.similarity(PLACES[1])[:6], atol=1e-6)


def test_the_same_descriptors_always_give_the_same_vectors() -> None:
    one, other = vectors(), vectors()
    np.testing.assert_array_equal(one.words, other.words)
    np.testing.assert_array_equal(one.vectors, other.vectors)


def test_some_keyframes_keep_their_vectors() -> None:
    known, wanted = vectors(), seen_again(4, seed=1)
    kept = np.array([False, True, False, True, True, False])
    np.testing.assert_allclose(known.select(kept).similarity(wanted), known.similarity(wanted)[kept], atol=1e-6)


def test_an_image_without_features_is_similar_to_nothing() -> None:
    known = ImageVectors.of([*PLACES, PLACES[0][:0]])
    assert known is not None
    np.testing.assert_array_equal(known.similarity(PLACES[0][:0]), np.zeros(7))
    assert known.similarity(PLACES[0])[6] == 0.0
    assert known.similarity_to(6)[6] == 0.0


def test_too_few_descriptors_have_no_vectors() -> None:
    assert ImageVectors.of([PLACES[0][:40], PLACES[1][:20]]) is None
    assert ImageVectors.of([PLACES[0][:0]]) is None
