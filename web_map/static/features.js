// Fetching features: page by page from this server, until the layer or the browser's share of it is complete.

const PAGE = 2000;
export const MOST_FEATURES = 20000;

export async function fetchJson(url) {
  const response = await fetch(url, { headers: { Accept: "application/geo+json, application/json" } });
  if (!response.ok) throw new Error(await problemText(response));
  return response.json();
}

async function problemText(response) {
  try {
    const problem = await response.json();
    return `${response.status} ${problem.detail ?? problem.title ?? ""}`;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}

// The server's `next` link carries the host by which it was asked; here only path and query matter.
function sameOrigin(href) {
  const url = new URL(href, window.location.href);
  return url.pathname + url.search;
}

export async function fetchFeatures(itemsUrl, parameters = {}) {
  const query = new URLSearchParams({ limit: String(PAGE), ...parameters });
  const features = [];
  let matched = 0;
  let url = `${itemsUrl}?${query}`;
  while (url && features.length < MOST_FEATURES) {
    const page = await fetchJson(url);
    features.push(...page.features);
    matched = page.numberMatched ?? features.length;
    const next = page.links?.find((link) => link.rel === "next");
    url = next && page.features.length > 0 ? sameOrigin(next.href) : null;
  }
  return { features, matched };
}
