"""What to say of calm air: puffs that spread to all sides reach less far than a plume once the air drifts steadily."""

from dataclasses import replace

from api.processes.incident_air import options_of, vapour_of
from api.processes.incident_inputs import IncidentInputs
from api.processes.incident_zones import Drawn, levels_of, threshold_of
from layers.substances import Substance
from tracing.calm import CalmCloud
from tracing.drift import DriftingPuffs
from tracing.plume_zone import zone_m
from tracing.release import CALM_M_S
from tracing.zone_ensemble import Model, model_of


def if_it_drifts(
    inputs: IncidentInputs, substance: Substance, model: Model | DriftingPuffs, drawn: list[Drawn]
) -> list[str]:
    """Return how far each level reaches should the calm air drift off at 1 m/s, where that is farther than its zone.

    At 1 m/s the model changes from puffs to a plume, whose reach in stable air is several times as long: an answer for
    0.9 m/s must not hide it.
    """
    if not isinstance(model, CalmCloud):
        return []
    air = replace(model.air, wind_speed_m_s=CALM_M_S)
    plume = model_of(model.release, air, options_of(inputs), vapour_of(inputs, substance))
    reaches = {one.level: one.reach_km for one in drawn}
    farther = []
    for level in levels_of(inputs, substance):
        shape = zone_m(plume, threshold_of(level, inputs, substance), inputs.receptor_height)
        reach = 0.0 if shape.is_empty else float(shape.bounds[2]) / 1000.0
        if reach > reaches.get(level, 0.0):
            farther.append((level, reach))
    if not farther:
        return []
    zh = "，".join(f"{level.title_zh} {reach:.2f} km" for level, reach in farther)
    en = ", ".join(f"{level.title_en} {reach:.2f} km" for level, reach in farther)
    return [
        f"若风速回升到 1 m/s 且风向稳定，下风向可达：{zh}；请按新的风重算 / should the air drift off steadily "
        f"at 1 m/s, the gas reaches downwind: {en}; make it again with the new wind"
    ]
