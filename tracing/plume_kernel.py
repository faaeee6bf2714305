"""Gaussian plume: Briggs's spreads and the reflected vertical distribution, NumPy in and out.

Limits: stationary wind over flat ground, neutrally buoyant gas, distances of 100 m to 10 km. Closer the spreads go to
zero with distance, as they must, but were not measured there.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLASSES = ("A", "B", "C", "D", "E", "F")
TERRAINS = ("rural", "urban")

# Briggs (1973), ATDL-106, as in Hanna, Briggs and Hosker (1982), doi:10.2172/5591108. Each spread is
# a x (1 + b x)^c: rows (a, b, c) for the classes A to F.
_SIGMA_Y = {
    "rural": ((0.22, 1e-4, -0.5), (0.16, 1e-4, -0.5), (0.11, 1e-4, -0.5), (0.08, 1e-4, -0.5))
    + ((0.06, 1e-4, -0.5), (0.04, 1e-4, -0.5)),
    "urban": ((0.32, 4e-4, -0.5), (0.32, 4e-4, -0.5), (0.22, 4e-4, -0.5), (0.16, 4e-4, -0.5))
    + ((0.11, 4e-4, -0.5), (0.11, 4e-4, -0.5)),
}
_SIGMA_Z = {
    "rural": ((0.20, 0.0, 1.0), (0.12, 0.0, 1.0), (0.08, 2e-4, -0.5), (0.06, 1.5e-3, -0.5))
    + ((0.03, 3e-4, -1.0), (0.016, 3e-4, -1.0)),
    "urban": ((0.24, 1e-3, 0.5), (0.24, 1e-3, 0.5), (0.20, 0.0, 1.0), (0.14, 3e-4, -0.5))
    + ((0.08, 1.5e-3, -0.5), (0.08, 1.5e-3, -0.5)),
}
# Wind-speed power law by class: US EPA (1995), ISC3 user's guide, EPA-454/B-95-003b.
WIND_EXPONENT = {
    "rural": (0.07, 0.07, 0.10, 0.15, 0.35, 0.55),
    "urban": (0.15, 0.15, 0.20, 0.25, 0.30, 0.30),
}
# Past this ratio of spread to lid the plume is uniform below the lid to better than 1e-4.
_WELL_MIXED = 1.5
_IMAGES = 6


def sigma_y(x: Array, stability: str, terrain: str) -> Array:
    """Return the crosswind spread (m, 10-minute mean) at x (m) downwind; zero at the source."""
    return _spread(x, _SIGMA_Y[terrain][CLASSES.index(stability)])


def sigma_z(x: Array, stability: str, terrain: str) -> Array:
    """Return the vertical spread (m) at x (m) downwind; zero at the source."""
    return _spread(x, _SIGMA_Z[terrain][CLASSES.index(stability)])


def _spread(x: Array, shape: tuple[float, float, float]) -> Array:
    a, b, c = shape
    distance = np.maximum(x, 0.0)
    return a * distance * (1.0 + b * distance) ** c


def vertical(z: Array, spread: Array, height: Array | float, lid: float) -> Array:
    """Return the vertical distribution (1/m) of a plume reflected at the ground and at a lid.

    Parameters
    ----------
    z : receptor height, m
    spread : vertical standard deviation, m, above zero
    height : release height, m, below the lid
    lid : mixing height, m; inf for none

    Returns
    -------
    ndarray, 1/m
        Its integral from the ground to the lid is one; zero above the lid.
    """
    if np.isinf(lid):
        return _gauss(z - height, spread) + _gauss(z + height, spread)
    total = np.zeros(np.broadcast_shapes(np.shape(z), np.shape(spread)))
    for image in range(-_IMAGES, _IMAGES + 1):
        shift = 2.0 * image * lid
        total = total + _gauss(z - height + shift, spread) + _gauss(z + height + shift, spread)
    mixed = np.where(spread > _WELL_MIXED * lid, 1.0 / lid, total)
    return np.where(z <= lid, mixed, 0.0)


def crosswind(y: Array, spread: Array) -> Array:
    """Return the crosswind distribution (1/m) at y (m) off the axis; its integral is one."""
    return _gauss(y, spread)


def _gauss(distance: Array, spread: Array) -> Array:
    density: Array = np.exp(-0.5 * (distance / spread) ** 2) / (np.sqrt(2.0 * np.pi) * spread)
    return density
