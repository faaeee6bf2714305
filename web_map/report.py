"""What a printed page of a result says; :mod:`web_map.report_page` prints it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any, Literal

import geopandas as gpd

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class ReportLayer:
    """One layer on the page; `listed` puts its features into the list as well."""

    frame: gpd.GeoDataFrame
    schema: str
    listed: bool = False


@dataclass(frozen=True)
class Report:
    """What the page says. `base` lies below `layers`; text pairs are (Chinese, English).

    `facts` are lines under the summary: model, inputs, validity. Of a warning "Chinese / English" one half is shown.
    """

    title: tuple[str, str]
    summary: tuple[str, str]
    layers: Sequence[ReportLayer]
    base: Sequence[ReportLayer] = ()
    warnings: Sequence[str] = ()
    provenance: Mapping[str, Any] = default(default_factory=dict)
    synthetic: bool = False
    facts: Sequence[tuple[str, str]] = ()
