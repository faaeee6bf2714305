// What a click and a hover show: built from nodes, so that no text of the data can become markup.

import { both, el, valueNode } from "./text.js";

const HIDDEN = new Set(["synthetic"]);

export function featureName(layer, properties) {
  const name = properties[layer.style.label];
  if (name === null || name === undefined || name === "") return null;
  const field = layer.fields.find((item) => item.name === layer.style.label);
  const choice = field?.choices?.[String(name)];
  return choice ? `${choice.zh} ${choice.en}` : String(name);
}

function isSynthetic(layer, properties) {
  return properties.synthetic === true || (layer.synthetic && properties.synthetic !== false);
}

export function syntheticTag() {
  return both("合成演练数据", "synthetic practice data", "synthetic-tag");
}

function rows(layer, properties, context) {
  const known = new Map(layer.fields.map((field) => [field.name, field]));
  const extra = Object.keys(properties).filter((name) => !known.has(name));
  const names = [...[...known.keys()].filter((name) => name in properties), ...extra];
  return names
    .filter((name) => !HIDDEN.has(name))
    .map((name) => {
      const field = known.get(name);
      const title = field ? both(field.zh, field.en) : el("span", "", name);
      return el("tr", "", el("th", "", title), el("td", "", valueNode(properties[name], field, context)));
    });
}

export function popupNode(layer, feature, context, ...actions) {
  const properties = feature.properties ?? {};
  const name = featureName(layer, properties);
  return el(
    "div",
    "feature-popup",
    el("div", "popup-layer", both(layer.title.zh, layer.title.en)),
    name ? el("h3", "popup-name", name) : null,
    isSynthetic(layer, properties) ? syntheticTag() : null,
    ...actions,
    el("table", "", el("tbody", "", ...rows(layer, properties, context))),
  );
}

export function tooltipNode(layer, feature, context) {
  const properties = feature.properties ?? {};
  const node = el("div", "feature-tooltip");
  const name = featureName(layer, properties);
  node.append(name ? el("strong", "", name) : both(layer.title.zh, layer.title.en));
  for (const column of [layer.style.badge, layer.style.by, layer.style.ordinal, layer.timeField]) {
    const field = layer.fields.find((item) => item.name === column);
    if (!field || properties[column] === null || properties[column] === undefined) continue;
    node.append(el("div", "", both(field.zh, field.en), ": ", valueNode(properties[column], field, context)));
  }
  return node;
}
