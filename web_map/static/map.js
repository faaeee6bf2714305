// The map page: reads its configuration, makes the layers and panels, and joins them.

import { Actions } from "./actions.js";
import { ANCHOR_PANE, MOST_ARRANGED, arrange } from "./badges.js";
import { fetchFeatures, fetchJson } from "./features.js";
import { MapLayer } from "./layer.js";
import { LayerList, Legend, TimeSlider } from "./panels.js";
import { pathOptions } from "./symbols.js";
import { both, clock, el } from "./text.js";

class App {
  constructor(map, config) {
    this.map = map;
    this.config = config;
    this.time = null;
    this.words = { clock: clock(config.timezone), timeLabel: config.timeLabel };
    this.popupRoom = { autoPanPaddingTopLeft: [20, 20], autoPanPaddingBottomRight: [320, 40] };
    this.makePanes();
    this.layers = config.layers.map((layer) => new MapLayer(layer, this));
    this.list = new LayerList(this, config.groups);
    this.legend = new Legend(this);
    this.slider = new TimeSlider(this);
    this.addControls();
    if (document.body.dataset.mayRun === "true") this.actions = new Actions(this);
    this.fit();
  }

  makePanes() {
    const panes = { suyuanBase: 250, suyuanRasters: 350, suyuanLabels: 450 };
    for (const [name, z] of Object.entries(panes)) {
      const pane = this.map.createPane(name);
      pane.style.zIndex = String(z);
      pane.style.pointerEvents = "none";
    }
    this.map.createPane(ANCHOR_PANE).style.zIndex = "590";
    this.baseRenderer = L.canvas({ pane: "suyuanBase", padding: 0.3 });
    this.map.attributionControl.setPrefix("Leaflet");
    this.map.getContainer().classList.toggle("with-sea", this.config.layers.some((layer) => layer.style.base));
  }

  addControls() {
    this.map.addControl(this.list.control);
    this.map.addControl(this.legend.control);
    this.map.addControl(L.control.scale({ position: "bottomright", imperial: false, maxWidth: 140 }));
    if (this.layers.some((layer) => layer.timesUrl)) this.map.getContainer().append(this.slider.node);
    this.map.on("zoomend viewreset", () => this.arrange());
    this.map.on("moveend", () => this.layers.filter((layer) => layer.visible && layer.follows).forEach((layer) => layer.refresh()));
  }

  // The panels cover parts of the map: fit the city into what is left.
  fit() {
    const [west, south, east, north] = this.config.bounds;
    const wide = this.map.getSize().x > 900;
    const room = wide ? { paddingTopLeft: [312, 10], paddingBottomRight: [306, 78] } : { padding: [10, 10] };
    this.map.fitBounds([[south, west], [north, east]], { ...room, animate: false });
  }

  viewBox() {
    const box = this.map.getBounds();
    const clip = (value, most) => Math.max(-most, Math.min(most, value)).toFixed(5);
    return [clip(box.getWest(), 180), clip(box.getSouth(), 90), clip(box.getEast(), 180), clip(box.getNorth(), 90)].join();
  }

  // Land is filled below rasters and symbols, and left out where an online base map shows it.
  underlay(layer, feature, symbol, group) {
    if (this.config.onlineBasemap) return;
    const style = { ...pathOptions(symbol), stroke: false, renderer: this.baseRenderer, interactive: false };
    group.addLayer(L.geoJSON(feature, { style: () => style, pane: "suyuanBase", interactive: false }));
  }

  // The badges of all layers make room for each other.
  arrange() {
    const badges = this.layers.flatMap((layer) => (layer.visible ? layer.badges : []));
    if (badges.length <= MOST_ARRANGED) arrange(this.map, badges);
  }

  // One canvas holds all shapes, so that each can be clicked; their order is set here.
  restack() {
    const shown = this.layers.filter((layer) => layer.visible);
    for (const layer of shown.sort((a, b) => a.style.z - b.style.z)) layer.group.bringToFront();
  }

  changed(layer) {
    this.list?.update(layer);
    this.legend?.update();
  }

  // Leaflet writes credits as HTML, so the data's text is escaped for it.
  credit(features) {
    const sources = new Set(features.map((feature) => feature.properties.source).filter(Boolean));
    for (const source of sources) {
      const text = String(source).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
      this.map.attributionControl.addAttribution(text);
    }
  }

  // A receptor is named by a station's id or name: show both where the station is known.
  receptorText(receptor) {
    const stations = this.layers.filter((layer) => layer.style.group === "monitoring").flatMap((layer) => layer.features ?? []);
    const station = stations.find(({ properties }) => [properties.station_id, properties.id].includes(receptor));
    return station?.properties.name ? `${station.properties.name} (${receptor})` : String(receptor);
  }

  get worstNames() {
    const top = this.layers.find((layer) => layer.visible && layer.style.badge && layer.highest)?.highest;
    return top ? stationNames(top) : [];
  }

  // What the name of an area should not cover: the points on the map, but for layers that are everywhere.
  get pointsShown() {
    const shown = this.layers.filter((layer) => layer.visible && !layer.style.base && layer.shown.length <= MOST_ARRANGED);
    const points = shown.flatMap((layer) => layer.shown.filter(({ geometry }) => geometry?.type === "Point"));
    return points.map(({ geometry }) => L.latLng(geometry.coordinates[1], geometry.coordinates[0]));
  }

  // Layers of a result that was just computed: they take the place of those of the same name, or join the list.
  async take(found) {
    for (const [id, features] of Object.entries(found)) {
      let layer = this.layers.find((one) => one.id === id);
      const template = this.config.results.find((one) => one.id === id);
      if (!layer && !template) continue;
      if (!layer) {
        layer = new MapLayer({ ...template }, this);
        this.layers.push(layer);
        this.list.add(layer);
      }
      Object.assign(layer, { features, matched: features.length, count: features.length, facetValues: {}, timesUrl: null });
      layer.pickFacets(features);
      if (layer.style.visible || layer.visible) await layer.show();
      else this.list.update(layer);
    }
    this.restack();
  }

  layerOf(schema) {
    return this.layers.find((layer) => layer.schema === schema);
  }

  async tickPoints(hours) {
    const points = this.layerOf("trajectory_points");
    if (!points) return [];
    const { features } = await fetchFeatures(points.itemsUrl);
    return features.filter(({ properties, geometry }) => {
      const share = Math.abs(properties.age_h / hours);
      return geometry && share > 0.01 && Math.abs(share - Math.round(share)) < 0.001;
    });
  }

  // A station's popup leads to the trajectories that arrive there.
  popupActions(layer, feature) {
    const lines = this.layerOf("trajectories");
    if (layer.style.group !== "monitoring" || !lines) return [];
    const names = stationNames(feature);
    const button = el("button", "popup-action", both("显示到达该站的气流轨迹", "Trajectories arriving here"));
    button.type = "button";
    button.addEventListener("click", async () => {
      const note = await this.showTrajectories(lines, names);
      if (note) button.replaceWith(note);
    });
    return [button];
  }

  async showTrajectories(lines, names) {
    if (!lines.visible) await lines.show();
    const receptor = lines.facetOptions("receptor").find((value) => names.includes(String(value)));
    if (receptor === undefined) return both("没有计算到达该站的轨迹", "No trajectory was computed for this station", "empty-note");
    await lines.setFacet("receptor", receptor);
    return null;
  }

  async setTime(time) {
    this.time = time;
    await Promise.all(this.layers.filter((layer) => layer.visible && layer.timesUrl).map((layer) => layer.refresh()));
  }

  async start() {
    const stepped = this.layers.find((layer) => layer.timesUrl);
    if (stepped) {
      try {
        this.time = this.slider.setTimes(await fetchJson(stepped.timesUrl));
      } catch (error) {
        stepped.error = error.message;
      }
    }
    const first = this.layers.filter((layer) => layer.style.visible);
    await Promise.all(first.map((layer) => layer.show()));
    first.forEach((layer) => layer.placeNames());
    this.layers.forEach((layer) => this.list.update(layer));
    this.legend.update();
  }
}

// By what a station may be called where it is a receptor.
function stationNames(feature) {
  const { name, station_id: stationId, id } = feature.properties;
  return [name, stationId, id].filter(Boolean).map(String);
}

function chooseLanguage(language) {
  document.body.dataset.language = language;
  for (const button of document.querySelectorAll("[data-choose-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.chooseLanguage === language));
  }
}

async function main() {
  const config = JSON.parse(document.getElementById("suyuan-config").textContent);
  for (const button of document.querySelectorAll("[data-choose-language]")) {
    button.addEventListener("click", () => chooseLanguage(button.dataset.chooseLanguage));
  }
  document.getElementById("print-map").addEventListener("click", () => window.print());
  const app = new App(window.suyuanLeafletMap, config);
  window.suyuan = app;
  await app.start();
  document.body.dataset.ready = "true";
}

main();
