// Signs drawn on a canvas: the same function draws the map, the layer list and the legend.

const TAU = 2 * Math.PI;

function polygonPath(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

function around(x, y, radius, corners, turn) {
  return Array.from({ length: corners }, (_, index) => {
    const angle = turn + (index * TAU) / corners;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
}

const PATHS = {
  circle(context, x, y, r) {
    context.beginPath();
    context.arc(x, y, r, 0, TAU);
  },
  square(context, x, y, r) {
    context.beginPath();
    context.rect(x - r, y - r, 2 * r, 2 * r);
  },
  diamond(context, x, y, r) {
    polygonPath(context, around(x, y, r * 1.2, 4, 0));
  },
  triangle(context, x, y, r) {
    polygonPath(context, around(x, y + r * 0.15, r * 1.25, 3, -TAU / 4));
  },
  "triangle-down"(context, x, y, r) {
    polygonPath(context, around(x, y - r * 0.15, r * 1.25, 3, TAU / 4));
  },
  hexagon(context, x, y, r) {
    polygonPath(context, around(x, y, r, 6, 0));
  },
  plus(context, x, y, r) {
    const [a, b] = [0.38 * r, r];
    const steps = [[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]];
    polygonPath(context, steps.map(([dx, dy]) => [x + dx, y + dy]));
  },
  flame(context, x, y, r) {
    context.beginPath();
    context.moveTo(x + r * 0.1, y - r * 1.3);
    context.bezierCurveTo(x + r * 0.2, y - r * 0.5, x + r, y - r * 0.2, x + r * 0.8, y + r * 0.4);
    context.bezierCurveTo(x + r * 0.65, y + r * 1.2, x - r * 0.65, y + r * 1.2, x - r * 0.8, y + r * 0.4);
    context.bezierCurveTo(x - r * 0.9, y - r * 0.1, x - r * 0.5, y - r * 0.3, x - r * 0.45, y - r * 0.75);
    context.bezierCurveTo(x - r * 0.1, y - r * 0.6, x + r * 0.05, y - r * 0.9, x + r * 0.1, y - r * 1.3);
    context.closePath();
  },
  // A power plant: two stacks on a block.
  stack(context, x, y, r) {
    const steps = [
      [-1, 0.9], [-1, 0.1], [-0.75, 0.1], [-0.68, -1], [-0.36, -1], [-0.28, 0.1], [0.1, 0.1], [0.18, -1], [0.5, -1],
      [0.58, 0.1], [1, 0.1], [1, 0.9],
    ];
    polygonPath(context, steps.map(([dx, dy]) => [x + dx * r, y + dy * r]));
  },
};
PATHS.badge = PATHS.circle;

export function dashArray(symbol) {
  return symbol.dash ? symbol.dash.split(" ").map(Number) : [];
}

export function drawSymbol(context, symbol, x, y) {
  context.save();
  context.lineJoin = "round";
  (PATHS[symbol.shape] ?? PATHS.circle)(context, x, y, symbol.size);
  context.globalAlpha = symbol.fill_opacity;
  context.fillStyle = symbol.fill;
  context.fill();
  context.globalAlpha = 1;
  context.setLineDash(dashArray(symbol));
  context.lineWidth = symbol.weight;
  context.strokeStyle = symbol.stroke;
  context.stroke();
  drawText(context, symbol, x, y);
  context.restore();
}

function drawText(context, symbol, x, y) {
  if (!symbol.text) return;
  const shift = { triangle: 0.25, "triangle-down": -0.25 }[symbol.shape] ?? 0.06;
  const room = symbol.shape.startsWith("triangle") ? 1.0 : 1.35;
  const pixels = Math.max(7, (room * symbol.size * 1.5) / Math.max(1.5, symbol.text.length));
  context.font = `600 ${pixels}px "WenQuanYi Micro Hei", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = symbol.text_colour;
  context.fillText(symbol.text, x, y + shift * symbol.size);
}

// A point on the map: Leaflet's circle marker for place and hit test, our own drawing.
export const ShapeMarker = L.CircleMarker.extend({
  initialize(latlng, symbol, options) {
    L.CircleMarker.prototype.initialize.call(this, latlng, {
      ...options,
      radius: symbol.size * 1.25,
      weight: symbol.weight,
    });
    this.symbol = symbol;
  },
  _updatePath() {
    const renderer = this._renderer;
    if (renderer._drawing && !this._empty()) drawSymbol(renderer._ctx, this.symbol, this._point.x, this._point.y);
  },
});

export function pathOptions(symbol) {
  return {
    color: symbol.stroke,
    weight: symbol.weight,
    opacity: 0.95,
    dashArray: symbol.dash || null,
    fillColor: symbol.fill,
    fillOpacity: symbol.fill_opacity,
    smoothFactor: 0.4,
  };
}

// The sign as a small picture for the layer list and the legend.
export function swatch(symbol, width = 30, height = 22, most = Infinity) {
  const canvas = document.createElement("canvas");
  const ratio = Math.max(2, window.devicePixelRatio || 1);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.className = "swatch";
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  if (symbol.shape === "line") drawLine(context, symbol, width, height);
  else if (symbol.shape === "area" || symbol.shape === "image") drawArea(context, symbol, width, height);
  else drawSymbol(context, { ...symbol, size: Math.min(symbol.size, most) }, width / 2, height / 2);
  return canvas;
}

function stroke(context, symbol) {
  context.setLineDash(dashArray(symbol));
  context.lineWidth = symbol.weight;
  context.strokeStyle = symbol.stroke;
  context.stroke();
}

function drawLine(context, symbol, width, height) {
  context.beginPath();
  context.moveTo(2, height / 2);
  context.lineTo(width - 2, height / 2);
  stroke(context, symbol);
}

function drawArea(context, symbol, width, height) {
  context.beginPath();
  context.rect(3, 4, width - 6, height - 8);
  context.globalAlpha = Math.min(1, symbol.fill_opacity * 2);
  context.fillStyle = symbol.fill;
  context.fill();
  context.globalAlpha = 1;
  stroke(context, symbol);
}
