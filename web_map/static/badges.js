// Stations as round badges with their value written in. Badges that would cover each other move apart; a thin line
// then leads to the station's true place.

import { swatch } from "./symbols.js";
import { el } from "./text.js";

export const MOST_ARRANGED = 300;
export const ANCHOR_PANE = "suyuanAnchors";

const ROUNDS = 240;
const GAP = 1.5;
// Where badges would have to move by more pixels than this on average, all of them become smaller.
const CROWDED = 6;
const SMALL = 0.72;

export function makeBadge(latlng, symbol, text, title) {
  const disc = symbol.shape === "badge" ? valueDisc(symbol, text) : pictureDisc(symbol);
  const leader = el("div", "badge-leader");
  const dot = el("div", "badge-dot");
  const marker = L.marker(latlng, { icon: pointIcon(disc), keyboard: true, alt: title, riseOnHover: true });
  // The true place is drawn below all discs, so that it hides no number.
  const anchor = L.marker(latlng, { icon: pointIcon(leader, dot), pane: ANCHOR_PANE, keyboard: false });
  marker.badge = { disc, leader, dot, anchor, radius: symbol.size };
  return marker;
}

function pointIcon(...nodes) {
  return L.divIcon({ className: "badge", html: el("div", "", ...nodes), iconSize: [0, 0] });
}

function valueDisc(symbol, text) {
  const disc = el("div", "badge-disc badge-value", text);
  disc.style.backgroundColor = symbol.fill;
  disc.style.color = symbol.text_colour;
  disc.style.borderColor = symbol.stroke;
  disc.style.borderStyle = symbol.dash ? "dashed" : "solid";
  disc.style.width = disc.style.height = `${2 * symbol.size}px`;
  disc.style.lineHeight = `${2 * symbol.size - 3}px`;
  return disc;
}

function pictureDisc(symbol) {
  const side = Math.ceil(2.8 * symbol.size);
  return el("div", "badge-disc", swatch(symbol, side, side));
}

// Push overlapping discs apart and pull each one back to its place, in screen pixels.
export function spread(points, radii) {
  const placed = points.map((point, index) => ({
    // Two stations at one place part along a direction of their own.
    x: point.x + 0.01 * Math.cos(index * 2.4),
    y: point.y + 0.01 * Math.sin(index * 2.4),
  }));
  for (let round = 0; round < ROUNDS; round += 1) {
    const moved = separate(placed, radii);
    if (!moved) break;
    if (round < ROUNDS / 3) pullBack(placed, points);
  }
  return placed;
}

function separate(placed, radii) {
  let moved = false;
  for (let i = 0; i < placed.length; i += 1) {
    for (let j = i + 1; j < placed.length; j += 1) {
      const dx = placed[j].x - placed[i].x;
      const dy = placed[j].y - placed[i].y;
      const length = Math.hypot(dx, dy);
      const distance = radii[i] + radii[j] + GAP;
      if (length >= distance - 0.01) continue;
      const push = (distance - length) / 2 / length;
      placed[i].x -= dx * push;
      placed[i].y -= dy * push;
      placed[j].x += dx * push;
      placed[j].y += dy * push;
      moved = true;
    }
  }
  return moved;
}

function pullBack(placed, points) {
  placed.forEach((position, index) => {
    position.x += (points[index].x - position.x) * 0.05;
    position.y += (points[index].y - position.y) * 0.05;
  });
}

export function arrange(map, markers) {
  const points = markers.map((marker) => map.latLngToLayerPoint(marker.getLatLng()));
  const full = placedAt(points, markers, 1);
  const share = meanMove(points, full) > CROWDED ? SMALL : 1;
  const placed = share === 1 ? full : placedAt(points, markers, share);
  markers.forEach((marker, index) => {
    marker.badge.disc.classList.toggle("badge-small", share !== 1);
    moveBadge(marker.badge, placed[index].x - points[index].x, placed[index].y - points[index].y, share);
  });
}

function placedAt(points, markers, share) {
  return spread(points, markers.map((marker) => marker.badge.radius * share));
}

function meanMove(points, placed) {
  const moves = points.map((point, index) => Math.hypot(placed[index].x - point.x, placed[index].y - point.y));
  return moves.reduce((sum, move) => sum + move, 0) / Math.max(1, moves.length);
}

function moveBadge(badge, dx, dy, share) {
  const length = Math.hypot(dx, dy);
  const away = length > 3;
  badge.disc.style.transform = `translate(-50%, -50%) translate(${dx.toFixed(1)}px, ${dy.toFixed(1)}px) scale(${share})`;
  badge.dot.style.display = away ? "block" : "none";
  badge.leader.style.display = away ? "block" : "none";
  badge.leader.style.width = `${length.toFixed(1)}px`;
  badge.leader.style.transform = `rotate(${Math.atan2(dy, dx)}rad)`;
}
