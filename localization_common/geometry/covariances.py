"""Covariance matrices (NumPy, float64)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Share of the largest entry by which rounding may make a matrix unsymmetric, or a variance negative.
_ROUNDING = 1e-6
#: Square metres or radians: positions are at most 1e7 m from the origin.
LARGEST_VARIANCE = 1e14
#: Places of x, y and yaw in x y z rX rY rZ.
_PLANAR = (0, 1, 5)


def is_covariance(matrices: npt.NDArray[np.float64]) -> bool:
    """Return True if all matrices (..., n, n) are symmetric and without negative variance in any direction.

    All numbers must be finite, and possible for a place on Earth (`LARGEST_VARIANCE`).
    """
    if not np.isfinite(matrices).all() or np.abs(matrices).max(initial=0.0) > LARGEST_VARIANCE:
        return False
    allowed = _ROUNDING * np.abs(matrices).max(axis=(-2, -1), initial=0.0) + 1e-12
    unlike = np.abs(matrices - np.swapaxes(matrices, -2, -1)).max(axis=(-2, -1), initial=0.0)
    return bool((unlike <= allowed).all() and (np.linalg.eigvalsh(matrices).min(axis=-1) >= -allowed).all())


def without_rounding(covariance: Array) -> Array:
    """Symmetric matrix (n, n) without negative eigenvalues, from one that `is_covariance` accepts."""
    symmetric = (covariance + covariance.T) / 2.0
    values, vectors = np.linalg.eigh(symmetric)
    return symmetric if values.min() >= 0.0 else np.asarray(vectors * values.clip(min=0.0) @ vectors.T)


def planar_block(covariance: Array) -> Array:
    """Covariance (3, 3) of x, y, yaw from a covariance (6, 6) of x y z rX rY rZ."""
    return covariance[np.ix_(_PLANAR, _PLANAR)]


def covariance_from_planar(covariance: Array) -> Array:
    """Covariance (6, 6) of x y z rX rY rZ from a covariance (3, 3) of x, y, yaw; z, rX and rY are zero, as in amcl."""
    full = np.zeros((6, 6))
    full[np.ix_(_PLANAR, _PLANAR)] = covariance
    return full
