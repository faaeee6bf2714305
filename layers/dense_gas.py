"""Is a release heavy enough to slump? The screening of Britter and McQuaid."""

from layers.substances import Substance, gas_density

AIR_MOLAR_MASS = 28.9647
GRAVITY = 9.81
# Britter and McQuaid (1988), Workbook on the dispersion of dense gases, HSE contract research report 17: a continuous
# release is effectively passive where (g' q / (u^3 D))^(1/3) with D = (q / u)^(1/2) is at most 0.15.
PASSIVE_LIMIT = 0.15


def density_ratio(molar_mass: float) -> float:
    """Return a vapour's density relative to air of the same temperature and pressure."""
    return molar_mass / AIR_MOLAR_MASS


def release_number(
    molar_mass: float, rate_g_s: float, wind_speed: float, *, temperature_c: float, pressure_hpa: float
) -> float:
    """Return Britter and McQuaid's number for pure vapour at the air's temperature; 0 where it is lighter than air."""
    buoyancy = GRAVITY * max(density_ratio(molar_mass) - 1.0, 0.0)
    density = gas_density(molar_mass, temperature_c=temperature_c, pressure_hpa=pressure_hpa)
    volume = rate_g_s / 1000.0 / density
    return float((buoyancy * volume / (wind_speed**3 * (volume / wind_speed) ** 0.5)) ** (1.0 / 3.0))


def dense_warning(
    substance: Substance, rate_g_s: float, wind_speed: float, *, temperature_c: float, pressure_hpa: float
) -> str | None:
    """Return what to say where a release may behave as a dense gas, or None."""
    number = release_number(
        substance.molar_mass, rate_g_s, wind_speed, temperature_c=temperature_c, pressure_hpa=pressure_hpa
    )
    ratio = density_ratio(substance.molar_mass)
    if number > PASSIVE_LIMIT:
        return (
            f"重气：相对密度 {ratio:.2f}，Britter-McQuaid 数 {number:.2f} > {PASSIVE_LIMIT:g}，近源处结果偏不安全 / "
            f"dense gas: {ratio:.2f} times as heavy as air, Britter-McQuaid number {number:.2f} > {PASSIVE_LIMIT:g}: "
            "near the source the gas spreads low, wide and upwind, and the Gaussian answer is not conservative"
        )
    if substance.liquefied and ratio < 1.0:
        return (
            "液化泄漏的冷气溶胶可重于空气，近源处结果偏不安全 / "
            "released from a liquefied store, its cold aerosol may be heavier than air: "
            "near the source the answer is not conservative"
        )
    return None
