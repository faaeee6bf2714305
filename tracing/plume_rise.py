"""How far a hot release rises: Briggs's formulas, NumPy in and out.

Limits: one source, flat ground, no downwash; momentum of the jet is left out, which keeps the answer near the ground.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import InvalidInput

Array = NDArray[np.float64]

GRAVITY = 9.81
# Heat to buoyancy flux, m4/s3 per MW, in air of about 290 K at sea level: Briggs (1969), Plume rise, TID-25075.
BUOYANCY_PER_MW = 8.9
# Potential-temperature gradients (K/m) of stable air: US EPA (1995), ISC3 user's guide, EPA-454/B-95-003b.
_GRADIENT = {"E": 0.02, "F": 0.035}
# Below this wind the formulas for a bent-over plume grow without bound.
_LEAST_WIND_M_S = 1.0


@dataclass(frozen=True)
class Rise:
    """Rise of a buoyant plume: `final_m` reached at `distance_m` downwind."""

    final_m: float
    distance_m: float

    def at(self, x: Array) -> Array:
        """Return the rise (m) at x (m) downwind: growing with the power 2/3 until it is final."""
        if self.final_m == 0.0:
            return np.zeros_like(np.asarray(x, dtype=float))
        share = np.clip(np.asarray(x, dtype=float) / self.distance_m, 0.0, 1.0)
        return self.final_m * np.cbrt(share) ** 2


NO_RISE = Rise(0.0, 1.0)


def buoyancy_flux(velocity_m_s: float, diameter_m: float, gas_c: float, air_c: float) -> float:
    """Return the buoyancy flux (m4/s3) of hot gas leaving a stack or a vent; 0 where it is no warmer than the air."""
    hot, cold = gas_c + 273.15, air_c + 273.15
    return GRAVITY * velocity_m_s * diameter_m**2 / 4.0 * max(hot - cold, 0.0) / hot


def briggs_rise(flux: float, wind_speed: float, stability: str, air_c: float = 20.0) -> Rise:
    """Return the rise of a plume of buoyancy flux `flux` (m4/s3) in a wind (m/s at the release) of a class A to F.

    Neutral and unstable: 21.4 F^(3/4) / u, or 38.7 F^(3/5) / u above 55 m4/s3, at 3.5 x*. Stable: the smaller of
    2.6 (F / (u s))^(1/3) and, in weak wind, 4 F^(1/4) s^(-3/8).

    Raises
    ------
    InvalidInput
        The flux is negative or no number.

    References
    ----------
    Briggs (1975), as in US EPA (1995), ISC3 user's guide, volume II, EPA-454/B-95-003b, section 1.1.4.
    """
    if not 0.0 <= flux < np.inf:
        raise InvalidInput(f"buoyancy flux {flux:g} m4/s3: give a number of 0 or more")
    if flux == 0.0:
        return NO_RISE
    wind = max(wind_speed, _LEAST_WIND_M_S)
    if stability in _GRADIENT:
        restoring = GRAVITY / (air_c + 273.15) * _GRADIENT[stability]
        bent = 2.6 * (flux / (wind * restoring)) ** (1.0 / 3.0)
        upright = 4.0 * flux**0.25 * restoring**-0.375
        return Rise(float(min(bent, upright)), 2.0715 * wind / np.sqrt(restoring))
    if flux < 55.0:
        return Rise(21.425 * flux**0.75 / wind, 49.0 * flux**0.625)
    return Rise(38.71 * flux**0.6 / wind, 119.0 * flux**0.4)
