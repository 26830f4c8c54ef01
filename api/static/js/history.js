// Fills a trend from the record: raw rows where they are few, else first, least, greatest and last of each pixel.

import { ask } from "./ask.js";

const ROWS_AT_MOST = 4000;

export async function pointsOf(tag, startMs, endMs, pixels) {
  const span = { tag, start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString(), time: "ms" };
  const raw = await ask("/v1/samples", { ...span, limit: ROWS_AT_MOST });
  if (!raw.cut) {
    return raw.time_ms.map((t, at) => pointOf(t, raw.value[at], raw.status[at]));
  }
  return decimated(await ask("/v1/aggregates", { ...span, buckets: Math.max(50, Math.min(pixels, 2000)) }));
}

// What a trend draws: a Bad value is no value (`v` is null), though it is told as measured (`m`).
export function pointOf(t, value, status) {
  return { t, v: status >>> 31 ? null : value, m: value, s: status, isExact: true };
}

function decimated(found) {
  const widthMs = found.bucket_ns / 1e6;
  const points = [];
  found.time_ms.forEach((start, at) => {
    if (found.count[at] === 0) {
      points.push({ t: start + widthMs / 2, v: null, s: 0x80000000, isExact: false });
      return;
    }
    const values = [found.first[at], found.min[at], found.max[at], found.last[at]];
    values.forEach((v, part) => points.push({ t: start + widthMs * (0.05 + part * 0.3), v, s: 0, isExact: false }));
    points.at(-1).hasBad = found.bad[at] > 0;
  });
  return points;
}

// The row nearest to a time, as it was measured.
export async function exactAt(tag, ms, withinMs) {
  const from = new Date(ms - withinMs).toISOString();
  const to = new Date(ms + withinMs).toISOString();
  const rows = await ask("/v1/samples", { tag, start: from, end: to, time: "ms", limit: 2000 });
  let best = null;
  rows.time_ms.forEach((t, at) => {
    if (best === null || Math.abs(t - ms) < Math.abs(best.t - ms)) {
      best = pointOf(t, rows.value[at], rows.status[at]);
    }
  });
  return best;
}

export async function bandsOf(tag, startMs) {
  const found = await ask("/v1/bands", { tag, start: new Date(startMs).toISOString(), time: "ms" });
  return found.bands.flatMap(pieces).sort((one, other) => one.start - other.start);
}

// A band whose limits stand still is one piece; around a set point that moves there is one for each of its steps.
function pieces(band) {
  const { ranges, around } = band;
  const piece = (start, end, told, setPoint) => {
    const outer = told("validated") ?? told("action");
    return { start, end, since: band.start_ms, phase: band.phase, validated: outer, nor: told("nor"), setPoint };
  };
  if (around === null) return [piece(band.start_ms, band.end_ms, (kind) => ranges[kind] ?? null, null)];
  const starts = around.time_ms;
  return starts.map((start, at) => {
    const setPoint = around.value[at];
    const moved = (kind) => {
      if (!around.ranges[kind]) return ranges[kind] ?? null;
      return setPoint === null ? null : around.ranges[kind].map((limit) => (limit === null ? null : setPoint + limit));
    };
    const end = at + 1 < starts.length ? starts[at + 1] : band.end_ms;
    return piece(start, end, moved, { value: setPoint, ranges: around.ranges });
  });
}

export async function gapsOf(tag, startMs) {
  const found = await ask("/v1/gaps", { tag, start: new Date(startMs).toISOString(), time: "ms" });
  return found.gaps.map((gap) => ({ start: gap.start_ms, end: gap.end_ms, cause: gap.cause }));
}
