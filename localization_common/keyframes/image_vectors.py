"""Vectors of keyframes that are similar for images of the same view: VLAD of their features' descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
import torch

from localization_common.keyframes.features import Descriptors

Floats = npt.NDArray[np.float32]

#: Number of centres of a vocabulary.
_WORDS = 64
#: Largest number of descriptors that a vocabulary is fitted to, and the iterations of the fit.
_SAMPLES, _ITERATIONS = 30_000, 20
#: Largest entry of a stored vector.
_LARGEST = 127.0
#: Number of entries that are converted at a time: their floats stay in the processor's cache.
_BLOCK = 32 * 8192
#: Number of keyframes from which on vectors are stored in few dimensions, their number, and the largest number of
#: vectors from which these are found. The basis of the dimensions is larger than the vectors of few keyframes.
_MANY, _DIMENSIONS, _FITTED = 1000, 256, 1500


@dataclass(frozen=True)
class ImageVectors:
    """Vectors of aggregated descriptors (VLAD: Jegou 2010; normalisation within each word: Arandjelovic 2013).

    An image's vector contains, for each word of a vocabulary, the sum of the differences between the descriptors
    nearest to this word and the word.

    Attributes:
        words: (W, 128) float16, centres of the descriptors of the keyframes.
        vectors: (K, D) int8, vectors of the keyframes, each with a scale of its own.
        basis: (D, W * 128) float16, directions of the stored entries (principal components: Jegou and Chum 2012). Empty
            if all entries are stored, D = W * 128.
    """

    words: npt.NDArray[np.float16]
    vectors: npt.NDArray[np.int8]
    basis: npt.NDArray[np.float16] = field(default_factory=lambda: np.empty((0, 0), dtype=np.float16))

    @classmethod
    def of(cls, descriptors: Sequence[Descriptors]) -> ImageVectors | None:
        """Fit a vocabulary to the descriptors (F, 128) of each keyframe and compute the vectors; always the same ones.

        Returns:
            The vectors; None if the keyframes have too few descriptors for a vocabulary.
        """
        words = _fit(np.concatenate(descriptors))
        if words is None:
            return None
        centres = words.astype(np.float32)
        basis = np.empty((0, 0), dtype=np.float16)
        if len(descriptors) >= _MANY:
            chosen = np.unique(np.linspace(0, len(descriptors) - 1, _FITTED).astype(np.int64))
            basis = _principal(np.stack([aggregate(descriptors[i], centres) for i in chosen]))
        found = np.stack([_reduced(aggregate(each, centres), basis.astype(np.float32)) for each in descriptors])
        scale = _LARGEST / np.maximum(np.abs(found).max(axis=1, keepdims=True), 1e-9)
        return cls(words, np.rint(found * scale).astype(np.int8), basis)

    def select(self, kept: npt.NDArray[np.bool_]) -> ImageVectors:
        """Return the vectors of some keyframes (K,), with the same vocabulary."""
        return replace(self, vectors=self.vectors[kept])

    def similarity(self, descriptors: Descriptors) -> Floats:
        """Return the similarity (K,), -1 to 1, of an image with descriptors (F, 128) to each keyframe."""
        return self._products(_reduced(aggregate(descriptors, self.words.astype(np.float32)), self._float_basis))

    def similarity_to(self, keyframe: int) -> Floats:
        """Return the similarity (K,), -1 to 1, of a keyframe to each keyframe."""
        return self._products(self.vectors[keyframe].astype(np.float32) / self._lengths[keyframe])

    def _products(self, wanted: Floats) -> Floats:
        """Return products (K,) with a vector; torch is used for the reason that `point_matching` gives."""
        torch.get_num_threads()
        stored, vector = torch.from_numpy(self.vectors), torch.from_numpy(wanted)
        blocks = [part.to(torch.float32) @ vector for part in torch.split(stored, self._rows)]
        return np.asarray(torch.cat(blocks).numpy() / self._lengths)

    @property
    def _rows(self) -> int:
        """Number of vectors that are converted at a time."""
        return max(1, _BLOCK // self.vectors.shape[1])

    @cached_property
    def _float_basis(self) -> Floats:
        return self.basis.astype(np.float32)

    @cached_property
    def _lengths(self) -> Floats:
        """Lengths (K,) of the stored vectors, at least one."""
        parts = np.array_split(self.vectors, max(1, len(self.vectors) // self._rows))
        lengths = np.concatenate([np.linalg.norm(part.astype(np.float32), axis=1) for part in parts])
        return np.asarray(np.maximum(lengths, 1.0), dtype=np.float32)


def aggregate(descriptors: Descriptors, words: Floats) -> Floats:
    """Return the vector (W * 128,), of length one, of descriptors (F, 128) and words (W, 128); zero without any."""
    if len(descriptors) == 0:
        return np.zeros(words.size, dtype=np.float32)
    torch.get_num_threads()  # see `point_matching`
    features, centres = torch.from_numpy(descriptors), torch.from_numpy(words)
    nearest = (features @ centres.T - 0.5 * (centres**2).sum(dim=1)).argmax(dim=1)
    sums = torch.zeros_like(centres).index_add_(0, nearest, features)
    sums -= torch.bincount(nearest, minlength=len(words))[:, None] * centres
    sums /= sums.norm(dim=1, keepdim=True).clamp(min=1e-9)
    rooted = sums.sign() * sums.abs().sqrt()
    return np.asarray((rooted / rooted.norm().clamp(min=1e-9)).ravel().numpy())


def _principal(vectors: Floats) -> npt.NDArray[np.float16]:
    """Return the principal directions (D, V), of length one, of vectors (K, V)."""
    values, directions = np.linalg.eigh(vectors @ vectors.T)  # small; the basis follows from its eigenvectors
    kept = slice(None, -_DIMENSIONS - 1, -1)
    basis = directions[:, kept].T @ vectors / np.sqrt(np.maximum(values[kept], 1e-12))[:, None]
    return np.asarray(basis, dtype=np.float16)


def _reduced(vector: Floats, basis: Floats) -> Floats:
    """Return the entries (D,) of a vector (V,) in a basis (D, V), of length one; all entries for an empty basis."""
    if basis.size == 0:
        return vector
    torch.get_num_threads()  # see `point_matching`
    entries = (torch.from_numpy(basis) @ torch.from_numpy(vector)).numpy()
    return np.asarray(entries / max(float(np.linalg.norm(entries)), 1e-9), dtype=np.float32)


def _fit(descriptors: Descriptors) -> npt.NDArray[np.float16] | None:
    """Return the centres (W, 128) of clusters of descriptors (F, 128); None if there are fewer descriptors."""
    if len(descriptors) < _WORDS:
        return None
    chosen = np.random.default_rng(0).permutation(len(descriptors))[:_SAMPLES]
    samples = np.ascontiguousarray(descriptors[chosen], dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, _ITERATIONS, 1e-4)
    cv2.setRNGSeed(0)
    centres = cv2.kmeans(samples, _WORDS, np.empty(0, dtype=np.int32), criteria, 1, cv2.KMEANS_PP_CENTERS)[2]
    return np.asarray(centres, dtype=np.float16)
