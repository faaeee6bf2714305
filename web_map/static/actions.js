// From the map to an analysis: click a point for an incident, draw an area, and see the result on the same map.

import { fetchJson } from "./features.js";
import { followJob } from "./follow.js";
import { Sketch } from "./sketch.js";
import { both, el } from "./text.js";

const CLASSES = ["", "A", "B", "C", "D", "E", "F"];

export class Actions {
  constructor(app) {
    this.app = app;
    this.csrf = document.body.dataset.csrf ?? "";
    this.sketch = new Sketch(app.map);
    this.body = el("div", "panel-body");
    this.title = el("span", "actions-title");
    const close = button("×", "关闭 Close", () => this.close(), "actions-close");
    this.node = el("section", "panel actions", el("header", "actions-head", this.title, close), this.body);
    this.node.hidden = true;
    this.node.setAttribute("aria-label", "地图上的分析 Analysis on the map");
    L.DomEvent.disableClickPropagation(this.node);
    L.DomEvent.disableScrollPropagation(this.node);
    app.map.getContainer().append(this.node);
    app.map.addControl(this.bar());
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.sketch.stop());
  }

  bar() {
    const bar = el("div", "leaflet-bar map-actions");
    bar.append(
      button(both("事故", "Incident"), "在地图上点选事故地点 Incident at a point of the map", () => this.pickIncident(), "act-incident"),
      button(both("画范围", "Area"), "在地图上画一个范围 Draw an area on the map", () => this.drawArea(), "act-area"),
    );
    L.DomEvent.disableClickPropagation(bar);
    const Bar = L.Control.extend({ onAdd: () => bar });
    return new Bar({ position: "topleft" });
  }

  open(title, ...nodes) {
    this.title.replaceChildren(title);
    this.body.replaceChildren(...nodes);
    this.node.hidden = false;
  }

  close() {
    this.sketch.clear();
    this.node.hidden = true;
  }

  pickIncident() {
    this.sketch.clear();
    this.open(both("事故影响范围", "Incident zones"), both("请在地图上点击事故地点（Esc 取消）", "Click the place of the incident (Esc cancels)"));
    this.sketch.point((lon, lat) => this.incidentForm(lon, lat));
  }

  incidentForm(lon, lat) {
    const names = this.app.config.substances ?? [];
    const list = el("datalist", "", ...names.map(({ name, zh }) => option(name, zh)));
    list.id = "substance-names";
    const form = el(
      "form",
      "actions-form",
      field("lon", both("经度", "Longitude"), { type: "number", step: "any", value: lon.toFixed(5), required: true }),
      field("lat", both("纬度", "Latitude"), { type: "number", step: "any", value: lat.toFixed(5), required: true }),
      field("substance", both("物质", "Substance"), { list: "substance-names", required: true }),
      field("rate_g_s", both("源强 g/s", "Rate g/s"), { type: "number", step: "any", min: 0, required: true }),
      field("height", both("高度 m", "Height m"), { type: "number", step: "any", min: 0, value: 2, required: true }),
      field("wind_speed", both("风速 m/s", "Wind m/s"), { type: "number", step: "any", min: 0, placeholder: "站点 stations" }),
      field("wind_from", both("风向 °", "Wind from °"), { type: "number", step: "any", min: 0, max: 360, placeholder: "站点 stations" }),
      choice("stability", both("稳定度", "Stability"), CLASSES),
      list,
      submit("划定范围", "Draw the zone"),
      this.allOptions("zone-incident"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run("zone-incident", values(form), (job) => this.incidentDone(job));
    });
    this.open(both("事故影响范围", "Incident zones"), form);
    form.elements.substance.focus();
  }

  // The form of the process with all its options, filled with what stands here.
  allOptions(process) {
    const link = el("a", "all-options", both("全部选项", "All options"));
    link.href = `/processes/${process}?f=html`;
    link.addEventListener("click", () => {
      const given = this.body.querySelector("form") ? values(this.body.querySelector("form")) : {};
      link.href = `/processes/${process}?${new URLSearchParams({ f: "html", ...given })}`;
    });
    return link;
  }

  async incidentDone(job) {
    // What is open here goes on, whatever others have drawn since.
    this.incident = job.id;
    const follow = el(
      "div",
      "actions-follow",
      el("strong", "", both("续报", "Follow up")),
      button(both("加监测值", "Add a measurement"), "点击监测地点 Click where it was measured", () => this.pickMeasurement(), "follow-measured"),
      button(both("新的风", "New wind"), "新的风速风向 A new wind", () => this.windForm(), "follow-wind"),
    );
    await this.showResult(job, "affected_zones", follow);
  }

  pickMeasurement() {
    this.open(both("续报：监测值", "Follow up: measurement"), both("请点击监测地点（Esc 取消）", "Click where it was measured (Esc cancels)"));
    this.sketch.point((lon, lat) => {
      const form = el(
        "form",
        "actions-form",
        field("value", both("浓度 mg/m³", "Measured mg/m³"), { type: "number", step: "any", min: 0, required: true }),
        submit("重画", "Draw again"),
      );
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const measured = [`${lon.toFixed(6)},${lat.toFixed(6)},${form.elements.value.value}`];
        this.run("zone-follow-up", { follows: this.incident, measured }, (job) => this.incidentDone(job));
      });
      this.open(both("续报：监测值", "Follow up: measurement"), form);
      form.elements.value.focus();
    });
  }

  windForm() {
    const form = el(
      "form",
      "actions-form",
      field("wind_speed", both("风速 m/s", "Wind m/s"), { type: "number", step: "any", min: 0, required: true }),
      field("wind_from", both("风向 °", "Wind from °"), { type: "number", step: "any", min: 0, max: 360, required: true }),
      submit("重画", "Draw again"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run("zone-follow-up", { follows: this.incident, ...values(form) }, (job) => this.incidentDone(job));
    });
    this.open(both("续报：新的风", "Follow up: new wind"), form);
    form.elements.wind_speed.focus();
  }

  drawArea() {
    this.sketch.clear();
    const done = button(both("完成", "Done"), "至少三个点 Three points or more", () => this.sketch.finish(), "sketch-done");
    const undo = button(both("退一点", "Undo"), "去掉最后一点 Remove the last point", () => this.sketch.undo(), "sketch-undo");
    this.open(
      both("画范围", "Draw an area"),
      both("逐点点击，双击或“完成”结束（Esc 取消）", "Click corner by corner; double click or Done ends (Esc cancels)"),
      el("div", "actions-follow", done, undo),
    );
    this.sketch.polygon((ring) => {
      const polygon = JSON.stringify({ type: "Polygon", coordinates: [ring] });
      this.run("zone-area", { polygon }, (job) => this.showResult(job, "zone_areas"));
    });
  }

  // Hand the analysis to the server, and give on what it has found as soon as that is sure, before it is stored.
  async run(process, inputs, done) {
    const state = el("p", "actions-state");
    state.setAttribute("role", "status");
    const before = [...this.body.childNodes];
    this.body.replaceChildren(state);
    const say = (node) => state.replaceChildren(node);
    say(both("提交中…", "Submitting …"));
    try {
      const { jobID } = await this.submit(process, inputs);
      const job = followJob(jobID, ({ progress }) => say(el("span", "", both("计算中…", "Computing …"), ` ${progress ?? 0} %`)));
      this.job = job;
      this.node.dataset.stored = "false";
      await job.found;
      await done(job);
      this.tellStored(job);
    } catch (error) {
      this.body.replaceChildren(...before, el("p", "actions-error", error.message));
    }
  }

  // What is shown is sure; that it also became a layer comes a moment later, and need not come.
  async tellStored(job) {
    try {
      await job.stored;
      if (this.job === job) this.node.dataset.stored = "true";
    } catch (error) {
      const told = both("结果未能存为图层：", "The result did not become a layer: ");
      if (this.job === job) this.body.append(el("p", "actions-error", told, error.message));
    }
  }

  async submit(process, inputs) {
    const headers = { "Content-Type": "application/json", Accept: "application/json", Prefer: "respond-async" };
    if (this.csrf) headers["X-CSRF-Token"] = this.csrf;
    const body = JSON.stringify({ inputs });
    const response = await fetch(`/processes/${process}/execution`, { method: "POST", headers, body });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail ?? answer.title ?? String(response.status));
    return answer;
  }

  async showResult(job, main, ...more) {
    const id = encodeURIComponent(job.id);
    const { message, warnings, results } = await fetchJson(`/jobs/${id}/found`);
    const found = {};
    for (const [name, part] of Object.entries(results)) {
      if (!part.value) await job.stored;
      found[name] = part.value?.features ?? (await fetchJson(`/jobs/${id}/results/${encodeURIComponent(name)}?f=geojson`)).features;
    }
    await this.app.take(found);
    this.fit(found[main]);
    const [zh, en] = message.split(" · ");
    const notes = warnings.map((text) => el("li", "", ...halves(text)));
    const page = el("a", "job-page", both("导出与详情", "Exports and details"));
    page.href = `/jobs/${id}?f=html`;
    const summary = notes.length ? el("details", "actions-notes", el("summary", "", both(`说明 ${notes.length}`, `Notes ${notes.length}`)), el("ul", "", ...notes)) : null;
    this.body.replaceChildren(...[el("p", "actions-summary", both(zh, en ?? zh)), page, summary, ...more].filter(Boolean));
    this.sketch.keep();
  }

  fit(features) {
    if (!features?.length) return;
    const box = L.geoJSON(features).getBounds();
    if (box.isValid()) this.app.map.fitBounds(box.pad(0.3), { animate: false, paddingTopLeft: [330, 10], paddingBottomRight: [310, 10] });
  }
}

function halves(text) {
  const at = text.indexOf(" / ");
  return at < 0 ? [text] : [both(text.slice(0, at), text.slice(at + 3))];
}

function values(form) {
  const given = {};
  for (const [name, text] of new FormData(form)) {
    const value = String(text).trim();
    if (value === "") continue;
    given[name] = form.elements[name].type === "number" ? Number(value) : value;
  }
  return given;
}

function field(name, label, attributes) {
  const input = el("input");
  input.name = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) input.setAttribute(key, "");
    else input.setAttribute(key, String(value));
  }
  return el("label", "tool", label, input);
}

function choice(name, label, texts) {
  const select = el("select", "", ...texts.map((text) => option(text, text || "–")));
  select.name = name;
  return el("label", "tool", label, select);
}

function option(value, text) {
  const node = el("option", "", text);
  node.value = value;
  return node;
}

function submit(zh, en) {
  const node = el("button", "actions-run", both(zh, en));
  node.type = "submit";
  return node;
}

function button(content, title, action, className) {
  const node = el("button", className, content);
  node.type = "button";
  node.title = title;
  node.setAttribute("aria-label", title);
  node.addEventListener("click", action);
  return node;
}
