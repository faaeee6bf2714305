"""The third-party files of the map: pinned in package-lock.json, installed by `make setup`, served locally."""

from collections.abc import Iterable
from pathlib import Path

from geo.errors import MissingData, SourceUnavailable

STATIC = Path(__file__).resolve().parent / "static"
TEMPLATES = Path(__file__).resolve().parent / "templates"
NODE_MODULES = Path(__file__).resolve().parent / "node_modules"

# Name under /assets -> file in node_modules. The icons keep their place beside the style sheet that names them.
FONT = "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf"
ASSETS: dict[str, str] = {
    "leaflet/leaflet.js": "leaflet/dist/leaflet.js",
    "leaflet/leaflet.css": "leaflet/dist/leaflet.css",
    "leaflet/images/layers.png": "leaflet/dist/images/layers.png",
    "leaflet/images/layers-2x.png": "leaflet/dist/images/layers-2x.png",
    "leaflet/images/marker-icon.png": "leaflet/dist/images/marker-icon.png",
    "leaflet/images/marker-icon-2x.png": "leaflet/dist/images/marker-icon-2x.png",
    "leaflet/images/marker-shadow.png": "leaflet/dist/images/marker-shadow.png",
    "fullscreen/Control.FullScreen.js": "leaflet.fullscreen/Control.FullScreen.js",
    "fullscreen/Control.FullScreen.css": "leaflet.fullscreen/Control.FullScreen.css",
    "fullscreen/icon-fullscreen.svg": "leaflet.fullscreen/icon-fullscreen.svg",
    "mouse-position/L.Control.MousePosition.js": "leaflet-mouse-position/src/L.Control.MousePosition.js",
    "mouse-position/L.Control.MousePosition.css": "leaflet-mouse-position/src/L.Control.MousePosition.css",
}


def asset_path(name: str, folder: Path | None = None) -> Path:
    """Return the file behind an asset's name.

    Parameters
    ----------
    name : str
        A name of `ASSETS`, as it follows /assets/ in an address.
    folder : Path, optional
        The node_modules folder; default: the one beside this file.

    Raises
    ------
    MissingData
        The name is none of the map's assets.
    SourceUnavailable
        The asset is not installed.
    """
    if name not in ASSETS:
        raise MissingData(f"/assets/{name}: the map has no such asset; the names are in web_map/assets.py")
    path = (folder or NODE_MODULES) / ASSETS[name]
    if not path.is_file():
        raise SourceUnavailable(f"map asset {name} is not installed in {folder or NODE_MODULES}: run `make setup`")
    return path


def missing_assets(folder: Path | None = None) -> list[str]:
    """Return the names of the assets that are not installed, in order."""
    root = folder or NODE_MODULES
    return [name for name, file in ASSETS.items() if not (root / file).is_file()]


def require_assets(folder: Path | None = None) -> None:
    """Raise SourceUnavailable, saying `make setup`, unless every asset is installed."""
    missing = missing_assets(folder)
    if missing:
        raise SourceUnavailable(
            f"{len(missing)} of {len(ASSETS)} map assets are not installed in {folder or NODE_MODULES}"
            f" ({_first(missing)}): run `make setup`"
        )


def _first(names: Iterable[str], count: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (" ..." if len(names) > count else "")
