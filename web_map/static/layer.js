// One layer of the map: fetched when switched on, narrowed by facets and time, drawn by its declared style.

import { MOST_ARRANGED, makeBadge } from "./badges.js";
import { MOST_FEATURES, fetchFeatures } from "./features.js";
import { labelPoint } from "./geometry.js";
import { featureName, popupNode, tooltipNode } from "./popups.js";
import { ShapeMarker, pathOptions } from "./symbols.js";
import { both, el } from "./text.js";

const MANY_LINES = 40;
const POINT_SHAPES = new Set(["line", "area", "image"]);

export class MapLayer {
  constructor(config, app) {
    Object.assign(this, config);
    this.app = app;
    this.visible = false;
    this.features = null;
    this.matched = 0;
    this.error = null;
    this.facetValues = {};
    this.ordinalValues = [];
    this.badges = [];
    this.names = [];
    this.ticks = [];
    this.group = L.featureGroup();
  }

  async show(on = true) {
    this.visible = on;
    if (!on) {
      this.group.remove();
      this.app.arrange();
      this.app.changed(this);
      return;
    }
    this.group.addTo(this.app.map);
    await this.refresh();
  }

  // Fetch what is not there yet, then draw. The last call wins when several overlap.
  async refresh() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.error = null;
    this.app.changed(this);
    try {
      const loaded = await this.load();
      if (turn !== this.turn) return;
      this.features = loaded.features;
      this.matched = loaded.matched;
    } catch (error) {
      if (turn !== this.turn) return;
      this.error = error.message;
    }
    if (this.visible) await this.draw();
  }

  async load() {
    const filter = {};
    if (this.timesUrl) {
      if (!this.app.time) return { features: [], matched: 0 };
      filter.datetime = this.app.time;
    } else if (this.features && !this.follows) {
      return { features: this.features, matched: this.matched };
    }
    if (this.follows) filter.bbox = this.app.viewBox();
    const loaded = await fetchFeatures(this.itemsUrl, { ...this.itemsQuery, ...filter });
    this.pickFacets(loaded.features);
    if (this.style.tick_hours) this.ticks = await this.app.tickPoints(this.style.tick_hours);
    return loaded;
  }

  // A layer too large for the browser follows the view: only what lies in it is fetched.
  get follows() {
    return this.count > MOST_FEATURES;
  }

  get cut() {
    return this.features !== null && this.features.length < this.matched;
  }

  facetOptions(column) {
    const values = (this.features ?? []).map((feature) => feature.properties[column]);
    return [...new Set(values.filter((value) => value !== null && value !== undefined))].sort();
  }

  // Without a choice everything is shown, unless it is too much to be read: then one value of each facet.
  pickFacets(features) {
    for (const facet of this.style.facets) {
      if (facet.column in this.facetValues) continue;
      const values = features.map((feature) => feature.properties[facet.column]);
      const wanted = facet.default && values.includes(facet.default) ? facet.default : "";
      const crowded = this.style.ordinal && features.filter((item) => this.passes(item)).length > MANY_LINES;
      this.facetValues[facet.column] = wanted || (crowded ? this.firstChoice(values) : "");
    }
  }

  // The station with the highest value is what people look for first.
  firstChoice(values) {
    const known = new Set(values.map(String));
    return this.app.worstNames.find((name) => known.has(name)) ?? values.find((value) => value) ?? "";
  }

  get highest() {
    const column = this.style.badge;
    const valued = this.shown.filter((feature) => Number.isFinite(feature.properties[column]));
    return valued.reduce((best, item) => (best && best.properties[column] >= item.properties[column] ? best : item), null);
  }

  passes(feature) {
    return Object.entries(this.facetValues).every(
      ([column, value]) => value === "" || String(feature.properties[column]) === String(value),
    );
  }

  async setFacet(column, value) {
    this.facetValues[column] = value;
    if (this.visible) await this.draw();
  }

  get shown() {
    return (this.features ?? []).filter((feature) => this.passes(feature));
  }

  symbolOf(properties) {
    const { by, cases, ordinal, ramp, symbol } = this.style;
    if (ordinal) return ramp[Math.min(this.ordinalValues.indexOf(properties[ordinal]), ramp.length - 1)] ?? symbol;
    if (!by) return symbol;
    const value = properties[by] === null || properties[by] === undefined ? "" : String(properties[by]);
    return cases.find((item) => item.value === value)?.symbol ?? symbol;
  }

  async draw() {
    const features = this.shown;
    this.ordinalValues = this.style.ordinal
      ? [...new Set(features.map((feature) => feature.properties[this.style.ordinal]))].sort((a, b) => a - b)
      : [];
    this.group.clearLayers();
    this.badges = [];
    this.names = [];
    for (const feature of features) this.drawFeature(feature);
    this.drawTicks(features);
    if (this.tilesUrl) this.drawRasters(features);
    if (this.style.group === "base") this.app.credit(features);
    this.app.arrange();
    this.app.restack();
    this.app.changed(this);
  }

  drawFeature(feature) {
    if (!feature.geometry) return;
    const symbol = this.symbolOf(feature.properties);
    const interactive = !this.style.base;
    const shape = L.geoJSON(feature, {
      style: () => ({ ...pathOptions(this.areaSymbol(symbol)), interactive }),
      interactive,
      pointToLayer: (_, latlng) => this.pointSign(feature, latlng, symbol),
    });
    if (this.style.z < 20 && !this.tilesUrl) this.app.underlay(this, feature, symbol, this.group);
    if (interactive) this.describe(shape, feature);
    this.group.addLayer(shape);
    if (feature.geometry.type.endsWith("Polygon")) this.drawInside(feature, symbol);
  }

  // Base polygons are filled below the rasters; here only their outline is drawn and clicked.
  areaSymbol(symbol) {
    if (this.style.z < 20) return { ...symbol, fill_opacity: 0 };
    return POINT_SHAPES.has(symbol.shape) ? symbol : { ...symbol, fill_opacity: symbol.fill_opacity * 0.35 };
  }

  pointSign(feature, latlng, symbol) {
    const standsOut = symbol.shape === "badge" || (this.style.spread && symbol.text && this.few);
    if (!standsOut) return new ShapeMarker(latlng, symbol, { interactive: !this.style.base });
    const value = feature.properties[this.style.badge];
    const text = value === null || value === undefined ? symbol.text : String(Math.round(value));
    const marker = makeBadge(latlng, symbol, text, featureName(this, feature.properties) ?? this.title.zh);
    this.badges.push(marker);
    return L.featureGroup([marker.badge.anchor, marker]);
  }

  drawInside(feature, symbol) {
    const place = () => (feature.labelPlace ??= labelPoint(feature.geometry, this.app.pointsShown));
    if (!POINT_SHAPES.has(symbol.shape)) {
      const sign = new ShapeMarker(place(), symbol, {});
      this.describe(sign, feature);
      this.group.addLayer(sign);
    }
    if (this.style.show_label) this.drawName(feature, place());
  }

  drawName(feature, place) {
    const zh = featureName(this, feature.properties) ?? "";
    const en = feature.properties[this.style.label_en] ?? zh;
    const icon = L.divIcon({ className: "area-label", html: both(zh, String(en)), iconSize: [0, 0] });
    const name = L.marker(place, { icon, pane: "suyuanLabels", interactive: false, keyboard: false });
    this.names.push({ feature, name });
    this.group.addLayer(name);
  }

  // Names were written while points were still on their way: give each its place among all that are shown.
  placeNames() {
    for (const { feature, name } of this.names) {
      feature.labelPlace = labelPoint(feature.geometry, this.app.pointsShown);
      name.setLatLng(feature.labelPlace);
    }
  }

  describe(shape, feature) {
    const actions = () => this.app.popupActions(this, feature);
    // A group of shapes would open popups only by mouse: each shape gets its own.
    if (shape instanceof L.LayerGroup) {
      shape.eachLayer((part) => this.describe(part, feature));
      return;
    }
    shape.bindPopup(() => popupNode(this, feature, this.app.words, ...actions()), {
      maxWidth: 380,
      minWidth: 260,
      maxHeight: 420,
      ...this.app.popupRoom,
    });
    shape.bindTooltip(() => tooltipNode(this, feature, this.app.words), { sticky: true, direction: "top" });
  }

  drawTicks(features) {
    if (!this.ticks.length) return;
    const lines = new Map(features.map((feature) => [lineKey(feature.properties), feature]));
    for (const point of this.ticks) {
      const line = lines.get(lineKey(point.properties));
      if (!line) continue;
      const symbol = this.symbolOf(line.properties);
      const [lon, lat] = point.geometry.coordinates;
      const sign = { ...symbol, shape: "circle", size: 3.2, weight: 1.5, dash: "", fill: "#ffffff" };
      const tick = new ShapeMarker([lat, lon], sign, {});
      tick.bindTooltip(() => this.tickText(point.properties), { direction: "top" });
      this.group.addLayer(tick);
    }
  }

  tickText(properties) {
    const { clock, timeLabel } = this.app.words;
    const age = Math.round(properties.age_h * 10) / 10;
    return el(
      "div",
      "feature-tooltip",
      el("strong", "", `${age} h · ${Math.round(properties.height_m_agl)} m`),
      el("div", "", `${clock(properties.time)} `, both(timeLabel.zh, timeLabel.en, "unit")),
    );
  }

  // One layer of tiles for all rasters, the newest on top, however many there are.
  drawRasters(features) {
    if (!features.some((feature) => feature.geometry)) return;
    const [west, south, east, north] = this.bbox;
    const tiles = L.tileLayer(`${this.tilesUrl}/{z}/{y}/{x}`, {
      pane: "suyuanRasters",
      className: "raster-tiles",
      bounds: [[south, west], [north, east]],
      maxNativeZoom: 14,
      maxZoom: 22,
    });
    this.group.addLayer(tiles);
  }

  get few() {
    return this.shown.length <= MOST_ARRANGED;
  }
}

export function lineKey(properties) {
  return [properties.trajectory, properties.receptor, properties.start_time].join("|");
}
