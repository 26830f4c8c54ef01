// The overview: fills the page that the service has laid out, and keeps it alive.

import { AlarmList } from "./alarms.js";
import { ask, calmly } from "./ask.js";
import { Connection } from "./connection.js";
import { batchLink, duration, element } from "./format.js";
import { Parameter } from "./parameter.js";
import { readHolds, readNotices, readSources } from "./side.js";
import { listen } from "./stream.js";
import { Timeline } from "./timeline.js";

const DRAW_EVERY_MS = 200;
const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
const $ = (id) => document.getElementById(id);

let windowMs = 8 * 3600e3;
let running = []; // phases that have not ended

const parameters = new Map(); // tag name → Parameter
const byId = new Map(); // dense id → Parameter
for (const unit of plan.units) {
  for (const shape of [...unit.trends, ...unit.more]) {
    const box = document.querySelector(`[data-unit="${CSS.escape(unit.name)}"] [data-tag="${CSS.escape(shape.tag)}"]`);
    if (box) parameters.set(shape.tag, new Parameter(box, shape, connection));
  }
}

const alarms = new AlarmList($("alarms"), { note: $("alarms-note") });
const timeline = new Timeline($("timeline"), plan.units.map((unit) => unit.name), showPhases);

function showPhases(batches) {
  running = batches.flatMap((batch) => batch.phases.filter((phase) => phase.end_ms === null));
  for (const unit of document.querySelectorAll(".unit")) {
    const phase = running.findLast((one) => one.unit === unit.dataset.unit);
    const shape = plan.units.find((one) => one.name === unit.dataset.unit);
    unit.dataset.since = phase ? phase.start_ms : "";
    const recipe = phase?.recipe ? element("span", { class: "unit-recipe" }, ` · ${phase.recipe}`) : "";
    unit.querySelector("[data-batch]").replaceChildren(...(phase?.batch ? [batchLink(phase.batch), recipe] : []));
    if (!phase) unit.querySelector("[data-phase]").textContent = shape.is_source ? "source" : "no batch";
    else unit.querySelector("[data-phase]").replaceChildren(phase.phase, element("span", { class: "note", "data-lasting": "" }));
  }
}

function showLasting(nowMs) {
  for (const lasting of document.querySelectorAll("[data-lasting]")) {
    const text = ` for ${duration(nowMs - Number(lasting.closest(".unit").dataset.since))}`;
    if (lasting.textContent !== text) lasting.textContent = text;
  }
}

// Reading; each at most once at a time

const readTags = async () => {
  const { tags } = await ask("/v1/tags");
  subscribe(tags.map((tag) => tag.name));
  byId.clear();
  let isNew = false;
  for (const tag of tags) {
    if (parameters.has(tag.name)) byId.set(tag.id, parameters.get(tag.name));
    else if (plan.units.every((unit) => unit.is_source) && tag.kind !== "text") isNew = true;
  }
  // Without units the service lays out a card for each source: a new tag needs a new page.
  if (isNew && [...parameters.keys()].length < 12) location.reload();
};
const readTrends = async () => {
  const nowMs = connection.nowMs;
  if (nowMs === null) return;
  for (const parameter of parameters.values()) {
    if (byId.size === 0) break;
    if ([...byId.values()].includes(parameter)) await parameter.load(windowMs, nowMs);
  }
};
const readMore = async () => {
  const { latest } = await ask("/v1/latest", { time: "ms" });
  for (const row of latest) {
    const parameter = parameters.get(row.tag);
    if (parameter && !parameter.trend) parameter.append(row.time_ms, row.value, row.status);
  }
};
const whenHeard = (read) => calmly(async () => connection.nowMs !== null && read(connection.nowMs));
const wantTrends = calmly(readTrends, 1000);
const wantBatches = whenHeard((nowMs) => timeline.read(windowMs, nowMs));
const wantBands = calmly(async () => {
  for (const parameter of byId.values()) await parameter.loadBands(windowMs, connection.nowMs);
}, 500);
const wantMovingBands = calmly(async () => {
  for (const parameter of byId.values()) {
    if (parameter.hasMovingBands) await parameter.loadBands(windowMs, connection.nowMs);
  }
}, 1000);
const wantGaps = calmly(async () => {
  for (const parameter of byId.values()) await parameter.loadGaps(windowMs, connection.nowMs);
}, 1000);
const wantAlarms = calmly(() => alarms.read(), 250);
const wantHolds = calmly(() => readHolds($("holds")), 500);
const wantNotices = calmly(() => readNotices($("notices")), 500);
const wantSources = whenHeard((nowMs) => readSources($("sources"), windowMs, nowMs));
const wantTags = calmly(async () => {
  await readTags();
  wantTrends();
  await readMore();
}, 1000);

function wantAll() {
  wantTags();
  wantBatches();
  wantAlarms();
  wantHolds();
  wantNotices();
  wantSources();
}

// Living

let isFirst = true;
function hear(event, told) {
  connection.heard(event, told);
  if (event === "heartbeat" && isFirst) {
    isFirst = false;
    connection.show();
    wantAll();
  }
  if (event === "samples") takeSamples(told);
  if (event === "alarm") [wantAlarms, wantNotices].forEach((want) => want());
  if (event === "phase") [wantBatches, wantBands, wantHolds].forEach((want) => want());
  if (event === "finding") wantHolds();
  if (event === "gap") [wantGaps, wantSources].forEach((want) => want());
  if (event === "tag") wantTags();
  if (event === "cut") wantAll();
}

function takeSamples({ tag, time_ns, value, status }) {
  for (let at = 0; at < tag.length; at += 1) {
    const parameter = byId.get(tag[at]);
    if (parameter && !parameter.append(time_ns[at] / 1e6, value[at], status[at])) wantTrends();
  }
}

for (const button of document.querySelectorAll("[data-window]")) {
  button.addEventListener("click", () => {
    windowMs = Number(button.dataset.window) * 3600e3;
    document.querySelectorAll("[data-window]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
    for (const parameter of parameters.values()) parameter.trend?.show({ windowMs });
    [wantTrends, wantBatches, wantSources].forEach((want) => want());
  });
}

setInterval(() => {
  const nowMs = connection.nowMs;
  if (nowMs === null || document.hidden) return;
  for (const parameter of parameters.values()) parameter.draw(nowMs);
}, DRAW_EVERY_MS);
setInterval(() => {
  const nowMs = connection.nowMs;
  if (nowMs === null || document.hidden || connection.isStale) return;
  timeline.draw(nowMs);
  showLasting(nowMs);
  for (const parameter of parameters.values()) parameter.judge();
}, 1000);
// What no event tells: how long things last.
setInterval(() => {
  if (!connection.isStale && !document.hidden) [wantHolds, wantSources, wantAlarms, wantNotices, wantMovingBands].forEach((want) => want());
}, 5000);

// Only tags that exist can be listened to; a unit may name one that its source has not delivered yet.
let heardUrl = null;
let stopHearing = () => {};
function subscribe(known) {
  const names = [...parameters.keys()].filter((name) => known.includes(name));
  const url = `/v1/stream?tags=${names.map(encodeURIComponent).join(",")}`;
  if (url === heardUrl) return;
  stopHearing();
  heardUrl = url;
  stopHearing = listen(url, hear);
}

wantTags();
