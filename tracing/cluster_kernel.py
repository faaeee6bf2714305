"""Density-based clusters of a graph of neighbours, on plain arrays."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


def dbscan(neighbours: csr_array, least: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the clusters of DBSCAN.

    A core point has at least `least` points in its neighbourhood, itself counted. Core points that are neighbours
    belong together; a point that is not core joins the first cluster of which a core point is its neighbour, so the
    answer is that of the original algorithm that takes the points in their order.

    Parameters
    ----------
    neighbours : csr_array, shape (n, n)
        Symmetric, nothing on the diagonal; values do not matter.
    least : int
        1 or more.

    Returns
    -------
    label : ndarray, shape (n,)
        0, 1, ... in the order of each cluster's first core point; -1 for noise.
    core : ndarray of bool, shape (n,)

    References
    ----------
    Ester, Kriegel, Sander and Xu 1996, KDD-96, 226-231
    """
    n = neighbours.shape[0]
    core = np.diff(neighbours.indptr) + 1 >= least
    row = np.repeat(np.arange(n), np.diff(neighbours.indptr))
    column = neighbours.indices
    both = core[row] & core[column]
    joined = csr_array((np.ones(int(both.sum())), (row[both], column[both])), shape=(n, n))
    _, component = connected_components(joined, directed=False)
    label = np.full(n, -1, dtype=np.int64)
    first = np.full(component.max() + 1 if n else 0, n)
    np.minimum.at(first, component[core], np.flatnonzero(core))
    rank = np.full(first.size, -1)
    found = np.flatnonzero(first < n)
    rank[found[np.argsort(first[found], kind="stable")]] = np.arange(found.size)
    label[core] = rank[component[core]]
    border = ~core[row] & core[column]
    reached = np.full(n, n)
    np.minimum.at(reached, row[border], label[column[border]])
    joins = reached < n
    label[joins] = reached[joins]
    return label, core
