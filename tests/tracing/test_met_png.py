"""A 10 m wind as a picture with its JSON, as wind maps on the web have it."""

import json

import numpy as np
import pytest
from PIL import Image

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import open_met
from tracing.trajectory import trajectories

STEP = 10
NX, NY = 360 // STEP, 180 // STEP + 1


def picture(folder, name, when, u=lambda lon, lat: 5.0 + 0 * lon, *, ranges=(-10.0, 10.0), **changed):
    """Write a global wind u(lon, lat), v = 0, and its JSON; return the path of the picture."""
    lon, lat = np.meshgrid(-180.0 + STEP * np.arange(NX), 90.0 - STEP * np.arange(NY))
    low, high = ranges
    red, green = ((wind - low) / (high - low) * 255.0 for wind in (u(lon, lat), 0.0 * lon))
    levels = np.rint(np.stack([red, green, 0.0 * red], axis=-1)).astype(np.uint8)
    Image.fromarray(levels).save(folder / f"{name}.png")
    said = {"date": when, "width": NX, "height": NY, "uMin": low, "uMax": high, "vMin": low, "vMax": high} | changed
    text = json.dumps({key: value for key, value in said.items() if value is not None})
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder / f"{name}.png"


def test_pictures_are_a_global_wind_with_its_hours(tmp_path):
    north = picture(tmp_path, "b", "2016-11-20T600:00Z", lambda lon, lat: 0.1 * lat)
    east = picture(tmp_path, "a", "2016-11-20T00:00Z", lambda lon, lat: 10.0 * np.sin(np.radians(lon)))
    met = open_met([north, east.with_suffix(".json")])
    assert list(met["time"].values.astype("datetime64[h]").astype(str)) == ["2016-11-20T00", "2016-11-20T06"]
    assert (met.attrs["only_vertical"], met.attrs["only_height_m"]) == ("constant-height", 10.0)
    half = 0.5 * 20.0 / 255.0 + 1e-6
    lon, lat = met["lon"].values, met["lat"].values
    np.testing.assert_allclose(met["u10"].values[0], np.sin(np.radians(lon)) * 10.0 * np.ones((NY, 1)), atol=half)
    np.testing.assert_allclose(met["u10"].values[1], 0.1 * lat[:, None] * np.ones(NX), atol=half)
    np.testing.assert_allclose(met["v10"].values, 0.0, atol=half)
    assert any("8 bits" in said for said in met.attrs["assumed"])


def test_a_path_along_the_ground_keeps_its_height_over_the_dateline(tmp_path, tools):
    pictures = [picture(tmp_path, f"{k}", f"2016-11-20T{6 * k:02d}:00Z") for k in range(4)]
    start = tools.start("2016-11-20T00:30Z", 178.0, 40.0).assign(height_m_agl=10.0)
    path = trajectories(open_met(pictures), start, hours=17, vertical="constant-height")
    # 5 m/s for 17 h on the 40th parallel, to half a step of the 8 bits.
    east = 5.0 * 17 * 3600.0 / (111_198.9 * np.cos(np.radians(40.0)))
    assert path["lon"].iloc[-1] == pytest.approx(178.0 + east - 360.0, rel=0, abs=0.01 * east)
    np.testing.assert_allclose(path["height_m_agl"], 10.0, atol=1e-6)
    with pytest.raises(
        InvalidInput, match=r"row 1: 500 m, but .*0\.png\) \.\.\. 2016.*3\.png\) holds a wind at 10 m only"
    ):
        trajectories(open_met(pictures), start.assign(height_m_agl=500.0), hours=1, vertical="constant-height")
    with pytest.raises(InvalidInput, match=r"0\.png\): one time only"):
        trajectories(open_met(pictures[0]), start, hours=1, vertical="constant-height")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"uMin": None}, InvalidInput, "uMin missing"),
        ({"uMin": "x"}, InvalidInput, "uMin 'x' is not a number"),
        ({"uMin": 10.0}, InvalidInput, "not below"),
        ({"date": "soon"}, InvalidInput, "is not a time"),
        ({"height": 7}, InvalidInput, "do not go round"),
        ({"width": 72, "height": 37}, InvalidInput, "belong together"),
    ],
)
def test_a_json_that_does_not_fit_is_named(tmp_path, changed, error, message):
    with pytest.raises(error, match=f"w.*{message}"):
        open_met(picture(tmp_path, "w", "2016-11-20T00:00Z", **changed))


def test_a_picture_without_json_or_cut_short_is_named(tmp_path):
    whole = picture(tmp_path, "w", "2016-11-20T00:00Z")
    picture(tmp_path, "next", "2016-11-20T06:00Z")
    alone = tmp_path / "alone.png"
    alone.write_bytes(whole.read_bytes())
    with pytest.raises(SourceUnavailable, match=r"alone\.png: a wind as PNG needs alone\.json"):
        open_met(alone)
    whole.write_bytes(whole.read_bytes()[:-60])
    with pytest.raises(InvalidInput, match=r"w\.png: (not a PNG that can be read|damaged or cut short)"):
        open_met([whole, tmp_path / "next.png"])["u10"].load()
    whole.unlink()
    with pytest.raises(SourceUnavailable, match=r"w\.png: cannot be read"):
        open_met(whole.with_suffix(".json"))
    Image.new("L", (NX, NY)).save(whole)
    with pytest.raises(InvalidInput, match="colours of kind L"):
        open_met(whole)


def test_the_weather_service_s_own_pictures(shared_data):
    folder = shared_data / "met" / "gfs10m_201611"
    met = open_met(sorted(folder.glob("*.png")))
    assert met.sizes["time"] == 9
    assert met["u10"].values.min() >= -40.0
    # The westerlies of the southern ocean blow stronger than the wind at the equator.
    u = np.abs(met["u10"].mean(("time", "x")).values)
    assert u[met["lat"].values == -50.0].item() > 2.0 * u[met["lat"].values == 0.0].item()
