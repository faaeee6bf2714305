"""Online base maps: an option of the settings, never the default."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from geo.errors import InvalidInput


@dataclass(frozen=True)
class Basemap:
    """Tile addresses from bottom to top, whom to credit, and the origins that the page must be allowed to ask."""

    urls: tuple[str, ...]
    attribution: str
    origins: tuple[str, ...]


def online_basemap(name: Literal["none", "osm", "tianditu"], key: str | None = None) -> Basemap | None:
    """Return an online base map, or None for none.

    Parameters
    ----------
    name : {"none", "osm", "tianditu"}
        OpenStreetMap, or Tianditu's vector map with Chinese labels (Web Mercator, CGCS2000).
    key : str, optional
        Tianditu's key; it stands in the tile addresses, so browsers that open the map see it.

    Raises
    ------
    InvalidInput
        Tianditu without a key, or a name that is none of the three.
    """
    if name == "none":
        return None
    if name == "osm":
        origin = "https://tile.openstreetmap.org"
        credit = '&copy; <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a> contributors'
        return Basemap((f"{origin}/{{z}}/{{x}}/{{y}}.png",), credit, (origin,))
    if name != "tianditu":
        raise InvalidInput(f"online base map {name!r}: choose none, osm or tianditu")
    if not key:
        raise InvalidInput("online base map tianditu needs a key: set SUYUAN_TIANDITU_KEY, or choose osm or none")
    origin = "https://t0.tianditu.gov.cn"
    urls = tuple(
        f"{origin}/DataServer?T={layer}&x={{x}}&y={{y}}&l={{z}}&tk={quote(key)}" for layer in ("vec_w", "cva_w")
    )
    return Basemap(urls, "&copy; 天地图 Tianditu", (origin,))
