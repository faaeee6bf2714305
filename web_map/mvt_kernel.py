"""Numbers of a Mapbox Vector Tile: rings and lines as command streams, streams as variable-length bytes.

All features of a tile at once, as arrays; nothing here knows layers, files or projections.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_MOVE, _LINE, _CLOSE = 1, 2, 15


def zigzag(values: Ints) -> Ints:
    """Return signed numbers as unsigned ones, small for small magnitudes: 0, -1, 1, -2 become 0, 1, 2, 3."""
    found: Ints = (values << 1) ^ (values >> 63)
    return found


def varints(values: Ints) -> tuple[bytes, Ints]:
    """Return numbers in base 128, seven bits a byte.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
        Not negative, below 2**56.

    Returns
    -------
    content : bytes
    offsets : ndarray of int64, shape (n + 1,)
        Where each number begins, and where the last ends.
    """
    sizes = np.ones(len(values), dtype=np.int64)
    for bits in range(7, 56, 7):
        sizes += values >= (1 << bits)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    content = np.zeros(int(offsets[-1]), dtype=np.uint8)
    for place in range(int(sizes.max(initial=0))):
        longer = sizes > place
        low = (values[longer] >> (7 * place)) & 0x7F
        more = np.where(sizes[longer] > place + 1, 0x80, 0)
        content[offsets[:-1][longer] + place] = low | more
    return content.tobytes(), offsets


def without_repeats(points: Ints, group: Ints, *, closed: bool) -> npt.NDArray[np.bool_]:
    """Return which points to keep: not the one before again, and in a closed ring not the first again at its end.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
    group : ndarray, shape (n,)
        The ring or line of each point, ascending.
    """
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = (points[1:] != points[:-1]).any(axis=1) | (group[1:] != group[:-1])
    if closed and len(points):
        kept = np.flatnonzero(keep)
        firsts = np.flatnonzero(np.concatenate([[True], group[kept][1:] != group[kept][:-1]]))
        lasts = np.concatenate([firsts[1:], [len(kept)]]) - 1
        again = (points[kept[lasts]] == points[kept[firsts]]).all(axis=1) & (lasts > firsts)
        keep[kept[lasts[again]]] = False
    return keep


def signed_areas(points: Ints, starts: Ints) -> Ints:
    """Return twice the area of each ring by the surveyor's formula; positive is an exterior ring of a tile.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Rings one after the other, the first point not repeated.
    starts : ndarray, shape (m,)
        Where each ring begins.
    """
    following = np.arange(1, len(points) + 1)
    ends = np.concatenate([starts[1:], [len(points)]]) - 1
    following[ends] = starts
    cross = points[:, 0] * points[following, 1] - points[following, 0] * points[:, 1]
    found: Ints = np.add.reduceat(cross, starts) if len(starts) else np.zeros(0, dtype=np.int64)
    return found


def paths(points: Ints, counts: Ints, feature: Ints, *, closed: bool) -> tuple[Ints, Ints]:
    """Return the commands that draw lines or rings.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        In units of the tile, one path after the other.
    counts : ndarray, shape (m,)
        Points of each path, at least one.
    feature : ndarray, shape (m,)
        The feature of each path, ascending; the pen starts anew at 0, 0 with each feature.
    closed : bool
        Rings end with a command that closes them.

    Returns
    -------
    stream : ndarray of int64
    starts : ndarray, shape (m + 1,)
        Where the commands of each path begin, and where the last end.
    """
    lengths = 3 + np.where(counts > 1, 1 + 2 * (counts - 1), 0) + int(closed)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    firsts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    stream = np.zeros(int(starts[-1]), dtype=np.int64)
    steps = zigzag(_steps(points, firsts, feature))
    path = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(points)) - firsts[path]
    place = starts[:-1][path] + 1 + 2 * within + (within > 0)
    stream[place], stream[place + 1] = steps[:, 0], steps[:, 1]
    stream[starts[:-1]] = (1 << 3) | _MOVE
    several = counts > 1
    stream[starts[:-1][several] + 3] = ((counts[several] - 1) << 3) | _LINE
    if closed:
        stream[starts[1:] - 1] = _CLOSE
    return stream, starts


def dots(points: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Return the commands that set the points of each feature, and where each feature's begin; as `paths` does."""
    starts = np.concatenate([[0], np.cumsum(1 + 2 * counts)])
    firsts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    steps = zigzag(_steps(points, firsts, np.arange(len(counts))))
    feature = np.repeat(np.arange(len(counts)), counts)
    place = starts[:-1][feature] + 1 + 2 * (np.arange(len(points)) - firsts[feature])
    stream = np.zeros(int(starts[-1]), dtype=np.int64)
    stream[place], stream[place + 1] = steps[:, 0], steps[:, 1]
    stream[starts[:-1]] = (counts << 3) | _MOVE
    return stream, starts


def _steps(points: Ints, firsts: Ints, feature: Ints) -> Ints:
    """Return the way of the pen to each point, from the point before or, at the start of a feature, from 0, 0."""
    steps = points.copy()
    steps[1:] -= points[:-1]
    anew = firsts[np.concatenate([[True], feature[1:] != feature[:-1]])] if len(feature) else firsts
    steps[anew] = points[anew]
    return steps
