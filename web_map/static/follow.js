// Following a job: by its events, or where the server has no more of them to give by asking.

import { fetchJson } from "./features.js";

const FINAL = new Set(["successful", "failed", "dismissed"]);
const LOOK_MS = 250;

// Two promises: `found` when the results are sure and can be asked for, `stored` when they are layers as well.
export function followJob(id, look) {
  const job = { id };
  job.stored = new Promise((stored, failed) => {
    job.found = new Promise((found, missed) => {
      const take = (status) => {
        look(status);
        if (status.links.some(({ rel }) => rel === "preview")) found(status);
        if (!FINAL.has(status.status)) return false;
        const error = new Error(status.message || status.status);
        if (status.status === "successful") stored(status);
        else [failed, missed].forEach((tell) => tell(error));
        return true;
      };
      listen(id, take, () => ask(id, take).catch((error) => [failed, missed].forEach((tell) => tell(error))));
    });
  });
  // Whoever waits for the one is told of its failure; nobody need wait for the other.
  for (const promise of [job.found, job.stored]) promise.catch(() => {});
  return job;
}

function listen(id, take, otherwise) {
  const events = new EventSource(`/jobs/${encodeURIComponent(id)}/events`);
  events.addEventListener("status", (event) => take(JSON.parse(event.data)) && events.close());
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) otherwise();
  });
}

async function ask(id, take) {
  while (!take(await fetchJson(`/jobs/${encodeURIComponent(id)}`))) await new Promise((go) => setTimeout(go, LOOK_MS));
}
