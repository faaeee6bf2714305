// The panels on the map: layer list, legend and time slider.

import { featureName, syntheticTag } from "./popups.js";
import { swatch } from "./symbols.js";
import { both, el, formatNumber, prettyUnit } from "./text.js";

function panelControl(position, node) {
  const Panel = L.Control.extend({
    onAdd() {
      L.DomEvent.disableClickPropagation(node);
      L.DomEvent.disableScrollPropagation(node);
      return node;
    },
  });
  return new Panel({ position });
}

function foldable(className, zh, en, ...children) {
  const details = el("details", className, el("summary", "", both(zh, en)), ...children);
  details.open = true;
  return details;
}

export class LayerList {
  constructor(app, groups) {
    this.app = app;
    this.rows = new Map();
    const body = el("div", "leaflet-control-layers-overlays panel-body");
    this.body = body;
    this.groups = groups;
    this.sections = new Map();
    for (const group of groups) {
      const layers = app.layers.filter((layer) => layer.style.group === group.id);
      if (!layers.length) continue;
      const section = el("fieldset", "layer-group", el("legend", "", both(group.zh, group.en)));
      section.append(...layers.map((layer) => this.row(layer)));
      this.sections.set(group.id, section);
      body.append(section);
    }
    if (!this.rows.size) body.append(both("工作区里还没有图层", "The workspace holds no layers yet", "empty-note"));
    this.node = foldable("panel layer-list leaflet-control-layers leaflet-control-layers-expanded", "图层", "Layers", body);
    this.control = panelControl("topright", this.node);
  }

  // A layer that came while the page was open.
  add(layer) {
    let section = this.sections.get(layer.style.group);
    if (!section) {
      const group = this.groups.find((one) => one.id === layer.style.group);
      section = el("fieldset", "layer-group", el("legend", "", both(group.zh, group.en)));
      this.sections.set(group.id, section);
      this.body.append(section);
    }
    section.append(this.row(layer));
  }

  row(layer) {
    const box = el("input", "leaflet-control-layers-selector");
    box.type = "checkbox";
    box.dataset.layer = layer.id;
    box.addEventListener("change", () => layer.show(box.checked));
    const count = el("span", "count", layer.count === null ? "" : String(layer.count));
    const label = el("label", "layer-label", box, swatch(firstSymbol(layer), 30, 22, 8), both(layer.title.zh, layer.title.en), count);
    if (layer.synthetic) label.append(both("演练", "practice", "synthetic-mark"));
    const tools = el("div", "layer-tools");
    const status = el("div", "layer-status");
    status.setAttribute("role", "status");
    this.rows.set(layer.id, { box, tools, status, count });
    return el("div", "layer-row", label, tools, status);
  }

  update(layer) {
    const { box, tools, status, count } = this.rows.get(layer.id);
    box.checked = layer.visible;
    if (layer.timesUrl) count.textContent = layer.visible ? String(layer.shown.length) : "";
    else count.textContent = layer.count === null ? "" : String(layer.count);
    status.replaceChildren(...statusNodes(layer));
    tools.replaceChildren();
    if (!layer.visible || !layer.features) return;
    for (const facet of layer.style.facets) this.addFacet(layer, facet, tools);
    if (layer.style.badge && layer.badges.length) tools.append(this.finder(layer));
  }

  addFacet(layer, facet, tools) {
    const options = layer.facetOptions(facet.column);
    if (options.length < 2 && facet.column !== "receptor") return;
    const select = el("select", "facet");
    select.dataset.facet = facet.column;
    select.append(option("", "全部 All"), ...options.map((value) => option(String(value), this.facetText(layer, facet, value))));
    select.value = String(layer.facetValues[facet.column] ?? "");
    select.addEventListener("change", () => layer.setFacet(facet.column, select.value));
    tools.append(el("label", "tool", both(facet.title_zh, facet.title_en), select));
  }

  facetText(layer, facet, value) {
    if (facet.column === "receptor") return this.app.receptorText(value);
    const field = layer.fields.find((item) => item.name === facet.column);
    const choice = field?.choices?.[String(value)];
    if (choice) return `${choice.zh} ${choice.en}`;
    return field?.dtype === "time" ? this.app.words.clock(value) : String(value);
  }

  // Choose a station by its name: the map goes there and opens its popup.
  finder(layer) {
    const select = el("select", "finder");
    select.append(option("", "…"));
    const named = layer.shown.filter((feature) => feature.geometry);
    named.forEach((feature, index) => select.append(option(String(index), featureName(layer, feature.properties) ?? "–")));
    select.addEventListener("change", () => {
      const marker = layer.badges[Number(select.value)];
      if (select.value === "" || !marker) return;
      this.app.map.panTo(marker.getLatLng());
      marker.openPopup();
    });
    return el("label", "tool", both("查找", "Find"), select);
  }
}

function option(value, text) {
  const node = el("option", "", text);
  node.value = value;
  return node;
}

function firstSymbol(layer) {
  if (layer.style.badge) return { ...layer.style.cases[1].symbol, text: "" };
  return layer.style.cases[0]?.symbol ?? layer.style.symbol;
}

function statusNodes(layer) {
  if (!layer.visible) return [];
  if (layer.error) return [both(`加载失败：${layer.error}`, `Failed: ${layer.error}`, "error")];
  if (layer.features === null) return [both("加载中…", "Loading …")];
  if (layer.cut) {
    const [n, all] = [layer.features.length, layer.matched];
    return [both(`已显示 ${n} / ${all}，请放大`, `${n} of ${all} shown: zoom in`, "warn")];
  }
  if (!layer.shown.length) return [both(layer.note.zh || "没有要素", layer.note.en || "No features", "empty-note")];
  return [];
}

export class Legend {
  constructor(app) {
    this.app = app;
    this.body = el("div", "panel-body");
    this.node = foldable("panel legend", "图例", "Legend", this.body);
    this.control = panelControl("bottomleft", this.node);
  }

  update() {
    const shown = this.app.layers.filter((layer) => layer.visible && layer.style.group !== "base" && layer.features?.length);
    const sections = shown.sort((a, b) => b.style.z - a.style.z).map((layer) => this.section(layer));
    const synthetic = this.app.layers.some((layer) => layer.visible && layer.synthetic);
    if (synthetic) sections.unshift(el("div", "legend-synthetic", syntheticTag()));
    if (!sections.length) sections.push(both("没有显示的图层", "No layer is shown", "empty-note"));
    this.body.replaceChildren(...sections);
  }

  section(layer) {
    const present = new Set(layer.shown.map((feature) => JSON.stringify(layer.symbolOf(feature.properties))));
    const whole = layer.style.badge !== null;
    const entries = layer.legend.filter((entry) => whole || present.has(JSON.stringify(entry.symbol)) || !layer.style.by);
    const lines = entries.map((entry) => legendLine(entry.symbol, both(entry.title_zh, entry.title_en)));
    const title = el("div", "legend-title", both(layer.title.zh, layer.title.en));
    if (layer.synthetic) title.append(both("演练", "practice", "synthetic-mark"));
    return el("section", "legend-section", title, ...ordinalLines(layer), ...lines, ...this.remarks(layer));
  }

  remarks(layer) {
    if (layer.style.badge) return this.worst(layer);
    const receptor = layer.facetValues.receptor;
    return receptor ? [el("div", "legend-remark", both("受体站点", "Receptor"), ": ", el("span", "", this.app.receptorText(receptor)))] : [];
  }

  worst(layer) {
    const column = layer.style.badge;
    const top = layer.highest;
    if (!top) return [];
    const text = `${featureName(layer, top.properties) ?? "–"} ${formatNumber(top.properties[column])}`;
    return [el("div", "legend-remark", both("最高", "Highest"), ": ", el("span", "", text))];
  }
}

function ordinalLines(layer) {
  if (!layer.style.ordinal) return [];
  const unit = prettyUnit(layer.style.ordinal_unit);
  return layer.ordinalValues.map((value) => {
    const symbol = layer.symbolOf({ [layer.style.ordinal]: value });
    return legendLine(symbol, el("span", "", `${formatNumber(value)} ${unit}`));
  });
}

function legendLine(symbol, words) {
  return el("div", "legend-line", swatch(symbol, 30, 22, 8), words);
}

export class TimeSlider {
  constructor(app) {
    this.app = app;
    this.times = [];
    this.range = el("input", "time-range");
    this.range.type = "range";
    this.range.setAttribute("aria-label", "时间 Time");
    this.label = el("output", "time-label");
    this.reason = el("span", "time-reason");
    const back = this.button("◀", "上一时刻 Previous", () => this.step(-1));
    const on = this.button("▶", "下一时刻 Next", () => this.step(1));
    this.player = this.button("播放", "播放 Play", () => this.play());
    this.node = el(
      "div",
      "panel time-slider",
      el("div", "time-words", this.label, this.reason),
      el("div", "time-tools", back, this.range, on, this.player),
    );
    this.range.addEventListener("input", () => this.moved());
    L.DomEvent.disableClickPropagation(this.node);
  }

  button(text, title, action) {
    const node = el("button", "time-button", text);
    node.type = "button";
    node.title = title;
    node.addEventListener("click", action);
    return node;
  }

  setTimes(index) {
    this.times = index.times;
    this.default = index.default;
    this.words = both(index.reason.zh, index.reason.en);
    this.range.min = "0";
    this.range.max = String(Math.max(0, this.times.length - 1));
    this.range.value = String(Math.max(0, this.times.indexOf(this.default)));
    this.show();
    return this.times[Number(this.range.value)] ?? null;
  }

  show() {
    const time = this.times[Number(this.range.value)];
    const { clock, timeLabel } = this.app.words;
    this.label.replaceChildren(time ? clock(time) : "–", " ", both(timeLabel.zh, timeLabel.en, "unit"));
    this.reason.replaceChildren(...(time === this.default && this.words ? [this.words] : []));
  }

  moved() {
    this.show();
    return this.app.setTime(this.times[Number(this.range.value)]);
  }

  step(by) {
    const to = Number(this.range.value) + by;
    if (to < 0 || to >= this.times.length) return Promise.resolve(false);
    this.range.value = String(to);
    return this.moved().then(() => true);
  }

  async play() {
    this.playing = !this.playing;
    this.player.textContent = this.playing ? "停止" : "播放";
    while (this.playing && (await this.step(1))) await new Promise((done) => setTimeout(done, 500));
    this.playing = false;
    this.player.textContent = "播放";
  }
}
