"""What an incident is told by: place, substance, release, air, and what is wanted."""

from typing import Annotated, Literal

from pydantic import Field

from api.processes.base import Cli, Inputs, UtcTime, Zh
from api.processes.zone_inputs import Everything, Inventory, ListsOutput, Population

Scheme = Literal["hj169", "aegl", "erpg", "pac"]


class IncidentInputs(Inputs):
    """What escapes where, and the air that carries it."""

    lat: float | None = Field(None, description="latitude of the source, WGS 84 degrees", examples=[34.60])
    lon: float | None = Field(None, description="longitude of the source, WGS 84 degrees", examples=[119.22])
    object: str | None = Field(
        None, description="the source as LAYER:ID instead of lat and lon: a layer's feature by id or name"
    )
    substance: str = Field(description="English or Chinese name, formula or CAS number", examples=["chlorine"])
    rate_g_s: float | None = Field(None, description="release rate, g/s", examples=[500.0])
    mass_kg: float | None = Field(
        None, description="released mass, kg, instead of a rate; at once unless release-min is given", examples=[1000.0]
    )
    release_min: float | None = Field(
        None, description="how long the release lasts, min; without it a rate goes on", examples=[10.0]
    )
    rate_range: tuple[float, ...] = Field(
        (), max_length=2, description="lowest and highest rate (g/s) or mass (kg), for the ensemble"
    )
    height: float = Field(description="release height above ground, m", examples=[2.0])
    density: float | None = Field(
        None, description="density of what leaves the source, kg/m3, where it is colder than the air or an aerosol"
    )
    exit_temperature_c: float | None = Field(None, description="temperature of what leaves the source, °C")
    exit_velocity: float | None = Field(None, description="speed of a hot jet or stack, m/s, for its rise")
    exit_diameter: float | None = Field(None, description="diameter of a hot jet or stack, m, for its rise")
    heat_mw: float | None = Field(None, description="heat of a fire, MW, for its rise")
    half_life_min: float | None = Field(None, description="half-life of the substance in air, min")
    wind_speed: float | None = Field(
        None, description="wind speed, m/s; below 1 by puffs; without it from winds, met or the stations"
    )
    wind_from: float | None = Field(None, description="direction from which the wind blows, degrees")
    wind_height: float = Field(10.0, description="height of the wind measurement, m")
    winds: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="table of winds: time, wind_speed, wind_from; the gas is followed by puffs"
    )
    met: Annotated[tuple[str, ...], Cli(metavar="FILE")] = Field(
        (), description="meteorology files, through which the gas is followed by puffs"
    )
    time: UtcTime | None = Field(
        None, description="when the release begins, UTC unless it carries a zone; with winds, met or the stations"
    )
    hours: float = Field(1.0, gt=0.01, le=12, description="how long the gas is followed in changing winds, h")
    stability: str | None = Field(None, description="Pasquill class A to F", examples=["D"])
    sun: Literal["strong", "moderate", "slight"] | None = Field(None, description="by day: the class from wind and sun")
    night: Literal["cloudy", "clear"] | None = Field(None, description="by night: the class from wind and cloud")
    obukhov: float | None = Field(None, description="Obukhov length, m; with --ustar", examples=[-30.0])
    ustar: float | None = Field(None, description="friction velocity, m/s; with --obukhov", examples=[0.4])
    wind_rows: tuple[str, ...] = Field(
        (), description="the same as winds, row by row: TIME,SPEED,FROM", examples=[["2021-10-20T06:00Z,3,45"]]
    )
    sigma_azimuth: float | None = Field(None, description="standard deviation of the wind direction, degrees")
    mixing_height: float | None = Field(None, description="mixing height, m; without it no lid")
    terrain: Literal["rural", "urban"] = Field("rural", description="open country or town")
    averaging_min: float = Field(10.0, description="averaging time of the concentration, 3 to 60 min")
    levels: tuple[Scheme, ...] = Field(
        (), description="threat levels; by default HJ 169 end points, else AEGL, ERPG, PAC, the first there is"
    )
    duration_min: int = Field(60, ge=1, le=480, description="exposure time, min: picks the AEGL duration")
    temperature_c: float = Field(25.0, description="air temperature, °C")
    pressure_hpa: float = Field(1013.25, description="air pressure, hPa")
    receptor_height: float = Field(1.5, ge=0.0, le=300.0, description="height at which people breathe, m")
    measured: Annotated[
        tuple[str, ...], Zh("实测浓度：经度,纬度,mg/m3[,离地高度 m[,时间]]；据此订正源强、风和概率带")
    ] = Field(
        (),
        description="concentrations measured: LON,LAT,MG_M3[,Z[,TIME]]; release, wind and bands follow them",
        examples=[["119.21,34.59,12.5"]],
    )
    measurements: Annotated[str | None, Cli(metavar="FILE"), Zh("实测浓度表：经度、纬度、浓度（单位）、离地高度")] = (
        Field(None, description="table of measured concentrations: lon, lat (or x_m, y_m), value, unit, z_m, time")
    )
    measured_factor: Annotated[float, Zh("模型与仪器合计可能偏差的倍数（一个标准差）")] = Field(
        2.0, gt=1.0, le=10.0, description="by which factor model and instrument may be off together (one sd)"
    )
    incident: Annotated[str | None, Zh("事故编号；不填则由地点、物质和时间生成")] = Field(
        None, max_length=80, description="name of the incident; made of place, substance and time if not given"
    )
    members: int = Field(100, description="members of the ensemble, 10 to 2000; 0 for none")
    wind_from_sd: float | None = Field(
        None,
        description="how unsure the wind's direction is, degrees; 15, or the stations' spread over the last hours",
    )
    wind_speed_sd: float | None = Field(
        None, description="uncertainty of the wind speed, %; 20, or the stations' spread over the last hours"
    )
    turn_deg: float = Field(45.0, ge=0, le=180, description="how far the wind may turn, for the envelope, degrees")
    seed: int = Field(1, ge=0, description="seed of the ensemble")
    substances: Annotated[tuple[str, ...], Cli(metavar="FILE")] = Field(
        (), description="your own tables of substances and levels"
    )
    population: Population = None
    inventory: Inventory = ()
    everything: Everything = False
    receptors: Annotated[str | None, Cli(metavar="IN.csv")] = Field(
        None, description="places (lon, lat or x_m, y_m; z_m) for which the concentration is wanted"
    )
    receptors_output: Annotated[str | None, Cli(metavar="OUT.csv")] = Field(
        None, exclude=True, description="the receptors with concentration_mg_m3"
    )
    lists_output: ListsOutput = None
