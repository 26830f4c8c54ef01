// Holds, messages to people, and sources with their gaps and ledger.

import { ask } from "./ask.js";
import { batchLink, duration, element, exactTime, timeElement } from "./format.js";

const HOLD_STATES = {
  breached: "over its limit",
  indeterminate: "start or stop missing",
  warned: "near its limit",
  running: "waiting",
  stopped: "ended in time",
};

export async function readHolds(list) {
  const { holds, budgets } = await ask("/v1/holds", { time: "ms" });
  if (!holds.length && !budgets.length) {
    list.replaceChildren(element("li", { class: "empty" }, "Nothing waits. A hold appears with its start and counts up to its limit."));
    return;
  }
  list.replaceChildren(...holds.map(holdItem), ...budgets.map(budgetItem));
}

function holdItem(hold) {
  const limitMs = hold.limit_ns === null ? null : hold.limit_ns / 1e6;
  // What counts against the limit, in the worst case; where the core has not told it yet, the time since the start.
  const worstNs = hold.counted_max_ns ?? hold.counted_min_ns ?? hold.elapsed_ns;
  const elapsedMs = worstNs === null ? null : worstNs / 1e6;
  // A breached hold shows by how much: the bar then stands for the elapsed time, and the mark for the limit.
  const wholeMs = Math.max(limitMs ?? 0, elapsedMs ?? 0) || 1;
  const fill = element("div", { class: "hold-fill" });
  fill.style.width = limitMs === null ? "0" : `${((elapsedMs ?? 0) / wholeMs) * 100}%`;
  const warnings = limitMs === null ? [] : [limitMs, ...hold.warn_before_ns.map((before) => limitMs - before / 1e6)];
  const marks = warnings.map((ms) => {
    const mark = element("div", { class: "hold-mark" });
    mark.style.left = `calc(${(ms / wholeMs) * 100}% - 1px)`;
    return mark;
  });
  const elapsed = bounds(hold, elapsedMs);
  const of = limitMs === null ? "" : ` of ${duration(limitMs)}`;
  const track = element("div", { class: "hold-track", role: "img", "aria-label": `${elapsed}${of}` }, fill, ...marks);
  // Without a start there is no most: nobody can say what is left, unless even the least is over the limit.
  const hasMost = worstNs !== null && (hold.counted_min_ns === null || hold.counted_max_ns !== null);
  const leftMs = limitMs === null ? null : hasMost || elapsedMs > limitMs ? limitMs - elapsedMs : undefined;
  const perhaps = perhapsOver(hold.state, hold.counted_min_ns, hold.limit_ns);
  const place = [hold.unit, hold.batch && batchLink(hold.batch), hold.study].filter(Boolean);
  return element(
    "li",
    { class: `hold is-${hold.state}`, title: hold.message || null },
    element("div", { class: "hold-head" }, element("span", { class: "hold-name" }, hold.hold), element("span", { class: "hold-state" }, `${perhaps}${HOLD_STATES[hold.state]}`)),
    timeLeft(leftMs, perhaps),
    track,
    element("div", { class: "note" }, `${elapsed}${of}${outside(hold)}`, ...place.flatMap((part) => [" · ", part])),
    hold.runs_out_ms ? element("div", { class: "note" }, "runs out ", timeElement(hold.runs_out_ms, false)) : "",
  );
}

function bounds(hold, elapsedMs) {
  if (elapsedMs === null) return "unknown";
  if (hold.counted_min_ns === null || hold.counted_min_ns === hold.counted_max_ns) return duration(elapsedMs);
  const least = duration(hold.counted_min_ns / 1e6);
  return hold.counted_max_ns === null ? `at least ${least}` : `${least} to ${duration(elapsedMs)}`;
}

// Over its limit in the worst case, and not in the best one.
function perhapsOver(state, leastNs, limitNs) {
  return state === "breached" && limitNs !== null && leastNs !== null && leastNs <= limitNs ? "perhaps " : "";
}

// The biggest words of an item. Null: nothing limits it; undefined: nobody can say.
function timeLeft(ms, perhaps) {
  if (ms === null) return "";
  const words = ms === undefined ? "left: nobody can say" : ms < 0 ? `${perhaps}${duration(-ms)} over` : `${duration(ms)} left`;
  return element("div", { class: "hold-left" }, words);
}

function budgetItem(budget) {
  const most = budget.used_max_ns ?? budget.used_min_ns;
  const fill = element("div", { class: "hold-fill" });
  fill.style.width = `${Math.min(1, most / budget.limit_ns) * 100}%`;
  const used = span(budget.used_min_ns, budget.used_max_ns);
  const of = ` of ${duration(budget.limit_ns / 1e6)}`;
  const parts = budget.of.map((part) => `${part.hold} ${span(part.used_min_ns, part.used_max_ns)}${part.runs ? " and counting" : ""}`);
  if (budget.inherited_min_ns || budget.inherited_max_ns !== 0) parts.unshift(`inherited ${span(budget.inherited_min_ns, budget.inherited_max_ns)}`);
  const perhaps = perhapsOver(budget.state, budget.used_min_ns, budget.limit_ns);
  const place = [budget.unit, budget.batch && batchLink(budget.batch), budget.study].filter(Boolean);
  return element(
    "li",
    { class: `hold is-${budget.state}`, title: budget.message || null },
    element("div", { class: "hold-head" }, element("span", { class: "hold-name" }, `${budget.budget} (budget)`), element("span", { class: "hold-state" }, `${perhaps}${HOLD_STATES[budget.state]}`)),
    timeLeft(budget.left_ns === null && most <= budget.limit_ns ? undefined : (budget.limit_ns - most) / 1e6, perhaps),
    element("div", { class: "hold-track", role: "img", "aria-label": `${used}${of}` }, fill),
    element("div", { class: "note" }, `${used}${of}`, ...place.flatMap((part) => [" · ", part])),
    element("div", { class: "note" }, parts.join(", ")),
  );
}

function span(leastNs, mostNs) {
  const least = duration(leastNs / 1e6);
  if (mostNs === null) return `at least ${least}`;
  return mostNs === leastNs ? least : `${least} to ${duration(mostNs / 1e6)}`;
}

function outside(hold) {
  if (hold.mode !== "in_condition" || !hold.outside_max_ns) return "";
  return `, ${duration(hold.outside_max_ns / 1e6)} out of condition`;
}

export async function readNotices(list) {
  const { notices } = await ask("/v1/notices", { time: "ms", limit: 6 });
  if (!notices.length) {
    list.replaceChildren(element("li", { class: "empty" }, "Nobody has been told anything yet. Channels stand under notify: in the configuration."));
    return;
  }
  list.replaceChildren(
    ...notices.map((notice) =>
      element(
        "li",
        { class: "notice", title: `${notice.text}\n${notice.channel}, ${exactTime(notice.at_ms)}` },
        timeElement(notice.at_ms, false),
        element("span", { class: "notice-title" }, notice.title),
        element("span", { class: `notice-state is-${notice.state}` }, `${notice.channel}: ${notice.state}`),
      ),
    ),
  );
}

export async function readSources(list, windowMs, nowMs) {
  const start = new Date(nowMs - windowMs).toISOString();
  const [{ sources, heartbeats }, { gaps }] = await Promise.all([
    ask("/v1/ledger", { time: "ms" }),
    ask("/v1/gaps", { time: "ms", start }),
  ]);
  const names = [...new Set([...heartbeats.map((beat) => beat.source), ...sources.map((source) => source.source)])].sort();
  if (!names.length) {
    list.replaceChildren(element("li", { class: "empty" }, "No source has been heard yet."));
    return;
  }
  list.replaceChildren(
    ...names.map((name) => {
      const beat = heartbeats.find((one) => one.source === name);
      const counts = sources.find((one) => one.source === name);
      return sourceItem(name, beat, counts, gaps.filter((gap) => gap.source === name), nowMs - windowMs, nowMs);
    }),
  );
}

function sourceItem(name, beat, counts, gaps, startMs, nowMs) {
  const isLost = beat !== undefined && !beat.connected;
  const state = beat === undefined ? "not heard yet" : isLost ? "✕ not connected" : "connected";
  const track = element("div", { class: "gap-track", role: "img", "aria-label": `${gaps.length} gaps in the time shown` });
  let missingMs = 0;
  for (const gap of gaps) {
    const from = Math.max(gap.start_ms, startMs);
    const to = gap.end_ms ?? nowMs;
    missingMs += Math.max(0, to - from);
    const title = `${gap.cause}${gap.tag ? ` (${gap.tag})` : ""}: ${exactTime(gap.start_ms)} to ${gap.end_ms === null ? "now" : exactTime(gap.end_ms)} ${gap.detail}`;
    const hole = element("div", { class: "gap-hole", title });
    hole.style.left = `${((from - startMs) / (nowMs - startMs)) * 100}%`;
    hole.style.width = `${((to - from) / (nowMs - startMs)) * 100}%`;
    track.append(hole);
  }
  const lost = gaps.length ? `${gaps.length} ${gaps.length === 1 ? "gap" : "gaps"}, ${duration(missingMs)} in all` : "no gap";
  const faults = [];
  if (counts && !counts.balanced) faults.push(`${counts.unaccounted.toLocaleString("en")} unaccounted for`);
  const flow = counts ? `${counts.journaled.toLocaleString("en")} kept` : "";
  const aside = counts && counts.quarantined ? `, ${counts.quarantined.toLocaleString("en")} quarantined` : "";
  return element(
    "li",
    { class: `source${isLost ? " is-lost" : ""}` },
    element("div", { class: "source-head" }, element("span", { class: "source-name" }, name), element("span", { class: "source-state", title: beat?.detail || null }, state)),
    isLost && beat.detail ? element("div", { class: "note" }, beat.detail) : null,
    track,
    element("div", { class: "note" }, `${lost} · ${flow}${aside}`, faults.length ? element("span", { class: "source-faults" }, ` · ${faults.join(", ")}`) : null),
  );
}
