"""ARL four-letter variable names and what they mean: one table for the reader and the writer.

``ARL_NAMES`` gives name in the Dataset, CF standard name ("" where CF has none) and the unit in the Dataset;
``ARL_TO_SI`` gives the factor from the file's unit to that unit where it is not 1 (value_si = factor * value_in_file).
"""

ARL_NAMES: dict[str, tuple[str, str, str]] = {
    # upper air
    "HGTS": ("z", "geopotential_height", "m"),
    "TEMP": ("t", "air_temperature", "K"),
    "UWND": ("u", "eastward_wind", "m s-1"),
    "VWND": ("v", "northward_wind", "m s-1"),
    "WWND": ("omega", "lagrangian_tendency_of_air_pressure", "Pa s-1"),
    "DZDT": ("w", "upward_air_velocity", "m s-1"),
    "RELH": ("rh", "relative_humidity", "%"),
    "SPHU": ("q", "specific_humidity", "kg kg-1"),
    "PRES": ("p", "air_pressure", "Pa"),
    "TKEN": ("tke", "specific_turbulent_kinetic_energy_of_air", "J kg-1"),
    # state at the surface
    "SHGT": ("zs", "surface_altitude", "m"),
    "PRSS": ("sp", "surface_air_pressure", "Pa"),
    "MSLP": ("prmsl", "air_pressure_at_mean_sea_level", "Pa"),
    "U10M": ("u10", "eastward_wind", "m s-1"),
    "V10M": ("v10", "northward_wind", "m s-1"),
    "T02M": ("t2m", "air_temperature", "K"),
    "RH2M": ("rh2m", "relative_humidity", "%"),
    "SPH2": ("q2m", "specific_humidity", "kg kg-1"),
    "TMPS": ("skt", "surface_temperature", "K"),
    "PBLH": ("blh", "atmosphere_boundary_layer_thickness", "m"),
    "MXHT": ("blh", "atmosphere_boundary_layer_thickness", "m"),
    "RGHS": ("z0", "surface_roughness_length", "m"),
    "USTR": ("ustar", "", "m s-1"),
    "SOLM": ("soil_moisture", "volume_fraction_of_condensed_water_in_soil", "1"),
    # fluxes at the surface
    "UMOF": ("umof", "surface_downward_eastward_stress", "N m-2"),
    "VMOF": ("vmof", "surface_downward_northward_stress", "N m-2"),
    "SHTF": ("shtf", "surface_upward_sensible_heat_flux", "W m-2"),
    "HFLX": ("shtf", "surface_upward_sensible_heat_flux", "W m-2"),
    "LHTF": ("lhtf", "surface_upward_latent_heat_flux", "W m-2"),
    "DSWF": ("dswf", "surface_downwelling_shortwave_flux_in_air", "W m-2"),
    "WFLX": ("wflx", "surface_upward_water_vapor_flux_in_air", "kg m-2 s-1"),
    # precipitation, cloud, stability
    "TPP1": ("tp", "lwe_thickness_of_precipitation_amount", "m"),
    "TPP3": ("tp", "lwe_thickness_of_precipitation_amount", "m"),
    "TPP6": ("tp", "lwe_thickness_of_precipitation_amount", "m"),
    "TPPA": ("tp", "lwe_thickness_of_precipitation_amount", "m"),
    "TPPT": ("tp", "lwe_thickness_of_precipitation_amount", "m"),
    "CPP3": ("cp", "lwe_thickness_of_convective_precipitation_amount", "m"),
    "CPP6": ("cp", "lwe_thickness_of_convective_precipitation_amount", "m"),
    "CPPT": ("cp", "lwe_thickness_of_convective_precipitation_amount", "m"),
    "TCLD": ("tcc", "cloud_area_fraction", "%"),
    "LCLD": ("lcc", "low_type_cloud_area_fraction", "%"),
    "MCLD": ("mcc", "medium_type_cloud_area_fraction", "%"),
    "HCLD": ("hcc", "high_type_cloud_area_fraction", "%"),
    "CAPE": ("cape", "atmosphere_convective_available_potential_energy", "J kg-1"),
    "CINH": ("cin", "atmosphere_convective_inhibition", "J kg-1"),
}

ARL_TO_SI: dict[str, float] = {"PRSS": 100.0, "MSLP": 100.0, "PRES": 100.0, "WWND": 100.0}

# On a projected grid the wind components follow the grid's axes, not east and north.
GRID_WINDS: dict[str, str] = {"u": "x_wind", "v": "y_wind", "u10": "x_wind", "v10": "y_wind"}

# Height above ground of the fields that stand at one (m).
SCREEN_HEIGHT_M: dict[str, float] = {"U10M": 10.0, "V10M": 10.0, "T02M": 2.0, "RH2M": 2.0, "SPH2": 2.0}

# What packing lost of a field, packed again: added to the field of the same level.
DIFFERENCE_OF: dict[str, tuple[str, ...]] = {
    "DIFW": ("WWND", "DZDT"),
    "DIFR": ("TPP1", "TPP3", "TPP6", "TPPA", "TPPT"),
    "DIFT": ("TEMP",),
}

# Hours of the clock after which the amount starts at nothing again: 12 h for TPPT shows in NGM files, 6 h for TPP6 in
# GDAS files; infinite: since the forecast began.
ACCUMULATED_H: dict[str, float] = {
    **{"TPP1": 1.0, "TPP3": 3.0, "TPP6": 6.0, "TPPT": 12.0, "TPPA": float("inf")},
    **{"CPP3": 3.0, "CPP6": 6.0, "CPPT": 12.0},
}
