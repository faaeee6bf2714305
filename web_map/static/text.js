// Words, numbers and times. Everything a person reads is put into the page as text nodes, never as HTML.

const PRETTY_UNITS = new Map([
  ["degrees_east", "°E"],
  ["degrees_north", "°N"],
  ["pct", "%"],
]);

export function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Chinese and English side by side; the style sheet hides one of them when a language is chosen.
export function both(zh, en, className = "") {
  const chinese = el("span", "zh", zh);
  const english = el("span", "en", en);
  chinese.lang = "zh-CN";
  english.lang = "en";
  const same = zh === en;
  return same ? el("span", `both ${className}`, zh) : el("span", `both ${className}`, chinese, english);
}

export function prettyUnit(unit) {
  if (!unit) return "";
  const known = PRETTY_UNITS.get(unit);
  if (known) return known;
  return unit.replace(/\bug\b/, "µg").replace(/([a-z])2\b/g, "$1²").replace(/([a-z])3\b/g, "$1³");
}

export function formatNumber(value, dtype) {
  if (dtype === "int" || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(2);
  return value.toLocaleString("en-US", { maximumSignificantDigits: size >= 1000 ? 6 : 4 });
}

export function clock(timezone) {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone: timezone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  return (iso) => {
    const moment = new Date(iso);
    return Number.isNaN(moment.getTime()) ? String(iso) : format.format(moment);
  };
}

// One value as nodes: code lists by their titles, numbers with their unit, times in the city's time.
export function valueNode(value, field, context) {
  if (value === null || value === undefined || value === "") return both("无数据", "no data", "missing");
  const choice = field?.choices?.[String(value)];
  if (choice) {
    const text = both(choice.zh, choice.en);
    return typeof value === "number" ? el("span", "", `${value} `, text) : text;
  }
  if (typeof value === "boolean") return value ? both("是", "yes") : both("否", "no");
  if (field?.dtype === "time") {
    return el("span", "", `${context.clock(value)} `, both(context.timeLabel.zh, context.timeLabel.en, "unit"));
  }
  if (typeof value === "number") {
    const unit = prettyUnit(field?.unit);
    return el("span", "", formatNumber(value, field?.dtype), unit ? el("span", "unit", ` ${unit}`) : null);
  }
  return el("span", "", String(value));
}
