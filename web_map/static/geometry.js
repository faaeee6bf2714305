// Where to write a polygon's name: the point inside it that keeps clear of the places to be left free and is farthest
// from its edges (on a coarse grid).

const STEPS = 40;
// A name is wider than high: what lies beside it is in its way from farther off than what lies above.
const WIDTH_TO_HEIGHT = 2.2;
// Degrees between a name and the nearest place that leave both readable; more is no better.
const ENOUGH = 0.072;

export function labelPoint(geometry, free = []) {
  const polygons = geometry.type === "MultiPolygon" ? geometry.coordinates : [geometry.coordinates];
  const rings = polygons.reduce((best, polygon) => (ringArea(polygon[0]) > ringArea(best[0]) ? polygon : best));
  const [west, south, east, north] = ringBox(rings[0]);
  let best = { lon: (west + east) / 2, lat: (south + north) / 2, room: -1 };
  for (let i = 1; i < STEPS; i += 1) {
    for (let j = 1; j < STEPS; j += 1) {
      const lon = west + ((east - west) * i) / STEPS;
      const lat = south + ((north - south) * j) / STEPS;
      if (!inside(rings, lon, lat)) continue;
      // First clear of the places, then as far from the edges as that allows.
      const room = Math.min(placeDistance(free, lon, lat), ENOUGH ** 2) * 100 + edgeDistance(rings, lon, lat);
      if (room > best.room) best = { lon, lat, room };
    }
  }
  return L.latLng(best.lat, best.lon);
}

function placeDistance(places, x, y) {
  return Math.min(Infinity, ...places.map(({ lng, lat }) => ((lng - x) / WIDTH_TO_HEIGHT) ** 2 + (lat - y) ** 2));
}

function ringArea(ring) {
  let twice = 0;
  for (let i = 0; i + 1 < ring.length; i += 1) twice += ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
  return Math.abs(twice / 2);
}

function ringBox(ring) {
  const lons = ring.map((point) => point[0]);
  const lats = ring.map((point) => point[1]);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

function inside(rings, x, y) {
  let within = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
      const [xi, yi] = ring[i];
      const [xj, yj] = ring[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
    }
  }
  return within;
}

function edgeDistance(rings, x, y) {
  let nearest = Infinity;
  for (const ring of rings) {
    for (let i = 0; i + 1 < ring.length; i += 1) nearest = Math.min(nearest, segmentDistance(ring[i], ring[i + 1], x, y));
  }
  return nearest;
}

// Squared, like the distances that it is compared with.
function segmentDistance([ax, ay], [bx, by], x, y) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length ? Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) : 0;
  return (ax + along * (bx - ax) - x) ** 2 + (ay + along * (by - ay) - y) ** 2;
}
