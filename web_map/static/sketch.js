// A point or a polygon drawn by clicks. While drawing, clicks go to nothing else on the map.

const NEAR_PX = 10;
const STILL_PX = 5;
const STYLE = { color: "#12455f", weight: 2.5, dashArray: "6 4", fillOpacity: 0.08, interactive: false };

export class Sketch {
  constructor(map) {
    this.map = map;
    this.group = L.layerGroup().addTo(map);
    this.corners = [];
    this.handlers = {
      mousedown: (event) => (this.down = [event.clientX, event.clientY]),
      click: (event) => this.clicked(event),
      dblclick: (event) => this.doubled(event),
    };
  }

  point(done) {
    this.start();
    this.add = (place) => {
      this.group.clearLayers();
      L.circleMarker(place, { ...STYLE, radius: 8, dashArray: "", fillOpacity: 0.5 }).addTo(this.group);
      this.stop();
      const { lng, lat } = place.wrap();
      done(lng, lat);
    };
  }

  polygon(done) {
    this.start();
    this.done = done;
    this.add = (place) => {
      if (this.corners.length > 2 && this.near(place, this.corners[0])) return this.finish();
      if (this.corners.length && this.near(place, this.corners.at(-1))) return null;
      this.corners.push(place);
      return this.redraw();
    };
  }

  near(one, other) {
    const [a, b] = [one, other].map((place) => this.map.latLngToContainerPoint(place));
    return a.distanceTo(b) < NEAR_PX;
  }

  undo() {
    this.corners.pop();
    this.redraw();
  }

  redraw() {
    this.group.clearLayers();
    if (this.corners.length > 2) L.polygon(this.corners, STYLE).addTo(this.group);
    else if (this.corners.length > 1) L.polyline(this.corners, STYLE).addTo(this.group);
    for (const corner of this.corners) L.circleMarker(corner, { ...STYLE, radius: 4, dashArray: "", fillOpacity: 1 }).addTo(this.group);
  }

  finish() {
    if (this.corners.length < 3 || !this.done) return;
    const done = this.done;
    const ring = [...this.corners, this.corners[0]].map((place) => place.wrap()).map(({ lng, lat }) => [round(lng), round(lat)]);
    this.stop();
    done(ring);
  }

  start() {
    this.clear();
    const box = this.map.getContainer();
    for (const [name, handler] of Object.entries(this.handlers)) box.addEventListener(name, handler, true);
    box.classList.add("sketching");
    this.active = true;
  }

  // End drawing; what was drawn stays until it is cleared.
  stop() {
    const box = this.map.getContainer();
    for (const [name, handler] of Object.entries(this.handlers)) box.removeEventListener(name, handler, true);
    box.classList.remove("sketching");
    this.active = false;
    this.done = null;
  }

  clear() {
    if (this.active) this.stop();
    this.group.clearLayers();
    this.corners = [];
  }

  keep() {
    this.corners = [];
  }

  // Panels and controls keep their clicks.
  elsewhere(event) {
    return event.target.closest?.(".leaflet-control, .panel") !== null;
  }

  clicked(event) {
    if (this.elsewhere(event)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    const moved = this.down ? Math.hypot(event.clientX - this.down[0], event.clientY - this.down[1]) : 0;
    if (moved <= STILL_PX) this.add(this.map.mouseEventToLatLng(event));
  }

  doubled(event) {
    if (this.elsewhere(event)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    this.finish();
  }
}

function round(degrees) {
  return Math.round(degrees * 1e6) / 1e6;
}
