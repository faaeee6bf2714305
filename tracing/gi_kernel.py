"""The Getis-Ord Gi* statistic and the Benjamini-Hochberg correction, on plain arrays."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import erfc

Array = NDArray[np.float64]


def gi_star_z(values: Array, weights: csr_array, *, own_weight: float = 0.0) -> Array:
    """Return Gi* as a standard normal deviate under randomisation.

    Gi* = (sum_j w_ij x_j - mean sum_j w_ij) / (S sqrt((n sum_j w_ij^2 - (sum_j w_ij)^2) / (n - 1))),
    S^2 = sum x^2 / n - mean^2, j over all places with i included. Linear in the number of stored weights.

    Parameters
    ----------
    values : ndarray, shape (n,), any unit
        Finite, n >= 2.
    weights : csr_array, shape (n, n), dimensionless
        Non-negative, the diagonal included; not row-standardised unless that is meant.
    own_weight : float, dimensionless
        Each place's weight for itself where the diagonal of `weights` is empty.

    Returns
    -------
    ndarray, shape (n,), dimensionless
        NaN where the statistic does not exist: all values equal, or a neighbourhood that weighs every place alike.

    References
    ----------
    Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x
    """
    n = values.size
    if np.ptp(values) == 0.0:
        return np.full(n, np.nan)
    # Centred before the sums: a large common offset costs no digits.
    centred = values - values.mean()
    spread = np.sqrt(np.mean(centred * centred))
    total, squares = row_sums(weights)
    total, squares = total + own_weight, squares + own_weight**2
    variance = (n * squares - total * total) / (n - 1)
    # Equal weights on all places leave rounding only: n sum w^2 = (sum w)^2.
    exists = variance * (n - 1) > 1e-9 * n * squares
    z = np.full(n, np.nan)
    sums = np.asarray(weights @ centred) + own_weight * centred
    z[exists] = sums[exists] / (spread * np.sqrt(variance[exists]))
    return z


def row_sums(weights: csr_array) -> tuple[Array, Array]:
    """Return the sum of each row's weights and the sum of their squares, shape (n,)."""
    ones = np.ones(weights.shape[1])
    squared = csr_array((weights.data**2, weights.indices, weights.indptr), shape=weights.shape)
    return np.asarray(weights @ ones, dtype=np.float64), np.asarray(squared @ ones, dtype=np.float64)


def two_sided_p(z: Array) -> Array:
    """Return two-sided normal p values, shape of `z`; NaN stays NaN."""
    return np.asarray(erfc(np.abs(z) / np.sqrt(2.0)), dtype=np.float64)


def benjamini_hochberg(p: Array) -> Array:
    """Return p values adjusted for the false discovery rate over all tests that were made.

    Parameters
    ----------
    p : ndarray, shape (n,)
        NaN where no test was made: it stays NaN and does not count.

    Returns
    -------
    ndarray, shape (n,)
        The smallest false discovery rate at which each test is called a discovery, at most 1.

    References
    ----------
    Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; for local statistics Caldas de Castro and
    Singer 2006, doi:10.1111/j.0016-7363.2006.00682.x
    """
    tested = np.flatnonzero(~np.isnan(p))
    out = np.full(p.shape, np.nan)
    order = tested[np.argsort(p[tested], kind="stable")]
    m = order.size
    scaled = p[order] * m / np.arange(1, m + 1)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def discoveries(p: Array, level: float) -> NDArray[np.bool_]:
    """Return which tests `benjamini_hochberg` calls at a rate of `level`; only small p values are sorted.

    Parameters
    ----------
    p : ndarray, shape (n,)
        NaN where no test was made.
    """
    small = np.sort(p[p <= level])
    called = np.flatnonzero(small * int((~np.isnan(p)).sum()) / np.arange(1, small.size + 1) <= level)
    return np.asarray(p <= (small[called[-1]] if called.size else -1.0))


def confidence_class(z: Array, p_fdr: Array) -> Array:
    """Return -3..+3: the sign of `z` times 1, 2, 3 for a false discovery rate of at most 10, 5, 1 %; NaN stays NaN."""
    level = (p_fdr <= 0.10).astype(float) + (p_fdr <= 0.05) + (p_fdr <= 0.01)
    return np.where(np.isnan(p_fdr), np.nan, np.sign(z) * level)
