// Batches as bars on a time axis, one lane for each unit.

import { ask } from "./ask.js";
import { batchLink, clockTime, duration, element, exactTime } from "./format.js";
import { plantClock } from "./zone.js";

const AHEAD = 0.06; // of the axis stays free, so that the name of a phase that has just begun has room
const STEP_HOURS = [0.25, 0.5, 1, 2, 3, 4, 6, 12, 24];
const LABEL_PX = 52;

export class Timeline {
  constructor(box, units, onPhase) {
    Object.assign(this, { box, units, onPhase });
    this.batches = null; // not read yet
  }

  async read(windowMs, nowMs) {
    const told = await ask("/v1/batches", { start: new Date(nowMs - windowMs).toISOString(), time: "ms", limit: 2000 });
    this.batches = told.batches;
    this.windowMs = windowMs;
    this.onPhase(this.batches);
    this.draw(nowMs);
  }

  draw(nowMs) {
    if (this.batches === null) return;
    if (!this.batches.length) {
      this.box.replaceChildren(element("p", { class: "empty" }, "No batch has run in this time. Units show one once their batch and phase tags say so."));
      return;
    }
    const start = nowMs - this.windowMs;
    const axis = { start, nowMs, whole: this.windowMs * (1 + AHEAD), widthPx: Math.max(this.box.clientWidth - 72, 100) };
    const names = [...new Set([...this.units, ...this.batches.map((batch) => batch.unit)])];
    const lanes = names
      .map((unit) => [unit, this.batches.filter((batch) => batch.unit === unit)])
      .filter(([, batches]) => batches.length)
      .map(([unit, batches]) => {
        const track = element("div", { class: "lane-track" });
        for (const batch of batches) drawBatch(track, batch, axis);
        track.append(placed(element("div", { class: "lane-now" }), nowMs, null, axis));
        return element("div", { class: "lane" }, element("div", { class: "lane-name" }, unit), track);
      });
    this.box.replaceChildren(...lanes, element("div", { class: "lane" }, element("div"), timeAxis(axis)));
  }
}

function placed(made, from, to, { start, nowMs, whole }) {
  const left = Math.max(from, start);
  made.style.left = `${((left - start) / whole) * 100}%`;
  if (to !== null) made.style.width = `${(Math.max(0, Math.min(to, nowMs) - left) / whole) * 100}%`;
  return made;
}

function drawBatch(track, batch, axis) {
  const { start, nowMs } = axis;
  track.append(placed(element("div", { class: "run-batch", title: batch.batch }, batch.batch ? batchLink(batch.batch) : ""), batch.start_ms, batch.end_ms ?? nowMs, axis));
  for (const phase of batch.phases) {
    const end = phase.end_ms ?? nowMs;
    if (end < start) continue;
    const isRunning = phase.end_ms === null;
    const until = isRunning ? "still running" : `to ${exactTime(end)}`;
    const title = `${batch.batch} · ${phase.phase} · ${duration(end - phase.start_ms)}\n${exactTime(phase.start_ms)} ${until}\n${phase.recipe}`;
    const bar = element("div", { class: `run${isRunning ? " is-running" : ""}`, title });
    const isNarrow = ((end - Math.max(phase.start_ms, start)) / axis.whole) * axis.widthPx < LABEL_PX;
    if (isRunning && isNarrow) {
      track.append(placed(element("div", { class: "run-outside" }, phase.phase), nowMs, null, axis));
    } else {
      bar.append(phase.phase);
    }
    track.append(placed(bar, phase.start_ms, end, axis));
  }
}

function timeAxis(axis) {
  const box = element("div", { class: "lane-axis", "aria-hidden": "true" });
  const hours = (axis.nowMs - axis.start) / 3600e3;
  const step = (STEP_HOURS.find((every) => (hours / every) * LABEL_PX < axis.widthPx) ?? 24) * 3600e3;
  for (let at = plantClock.next(axis.start, step); at < axis.nowMs; at += step) {
    if (at - axis.start > axis.whole * 0.02) box.append(placed(element("span", {}, clockTime(at, false)), at, null, axis));
  }
  return box;
}
