// One alarm: its state, the trend around it, and everything that happened to it.

import { AlarmList, exactMoments } from "./alarms.js";
import { ask, calmly } from "./ask.js";
import { Connection } from "./connection.js";
import { element, momentElement } from "./format.js";
import { Parameter } from "./parameter.js";
import { listen } from "./stream.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
const list = document.getElementById("alarms");
const history = document.getElementById("history");
const box = document.querySelector("[data-since]");
exactMoments(document);

const alarms = new AlarmList(list, { only: list.dataset.only, changed: showHistory });
const wantAlarm = calmly(() => alarms.read(), 250);
let parameter = null;
let id = null;

function showHistory({ transitions }) {
  history.replaceChildren(
    ...transitions.map((one) =>
      element(
        "tr",
        {},
        element("td", {}, momentElement(one.at_ms)),
        element("td", {}, element("strong", {}, one.what), element("br"), element("span", { class: "note" }, one.message)),
        element("td", {}, one.state),
        element("td", {}, `${one.priority} ${one.priority_name}`),
        element("td", {}, one.person ? element("strong", {}, one.person) : "", one.comment ? ` “${one.comment}”` : ""),
      ),
    ),
  );
}

// The trend from some time before the alarm until now; only where the alarm is about a tag.
async function openTrend(nowMs) {
  const { tags } = await ask("/v1/tags");
  const tag = tags.find((one) => one.name === box?.dataset.tag);
  if (!tag || tag.kind === "text") return null;
  box.hidden = false;
  id = tag.id;
  box.querySelector("[data-unit-label]").textContent = tag.unit_label;
  const shape = { tag: tag.name, title: tag.description || tag.name, unit: tag.unit_label };
  parameter = new Parameter(box, shape, connection);
  parameter.trend.isWhole = true; // what is told of was perhaps in an earlier phase
  const windowMs = Math.min(Math.max((nowMs - Number(box.dataset.since)) * 1.5, 3600e3), 7 * 86400e3);
  await parameter.load(windowMs, nowMs);
  return tag.name;
}

let isFirst = true;
function hear(event, told) {
  connection.heard(event, told);
  if (event === "heartbeat" && isFirst) {
    isFirst = false;
    wantAlarm();
    if (box) openTrend(connection.nowMs).then((name) => name && listen(`/v1/stream?tags=${encodeURIComponent(name)}`, takeSamples));
  }
  if (event === "alarm") wantAlarm();
}

function takeSamples(event, told) {
  if (event !== "samples") return;
  told.tag.forEach((tag, at) => tag === id && parameter.append(told.time_ns[at] / 1e6, told.value[at], told.status[at]));
}

listen("/v1/stream?tags=", hear);
setInterval(() => connection.nowMs !== null && parameter?.draw(connection.nowMs), 200);
setInterval(() => !connection.isStale && wantAlarm(), 5000);
