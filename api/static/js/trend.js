// A trend on a canvas: its validated band and NOR, gaps as gaps, bad quality marked, exact values under the pointer.

import { clockTime, decimalsOf, exactTime, number, pointedAt } from "./format.js";
import { plantClock } from "./zone.js";

const POINTS_KEPT = 12000;
const RIGHT = 40; // room for the limits' numbers
const TOP = 5;
const BOTTOM = 15;
const HOURS = [0.25, 0.5, 1, 2, 4, 6, 12, 24];
const tip = document.getElementById("tip");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let palette = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  palette = null;
});
function colours() {
  palette ??= Object.fromEntries(
    ["plot", "ink", "ink-soft", "trace", "band-validated", "band-nor", "band-edge", "gap", "p2", "bad", "raised", "line"].map(
      (name) => [name, colour(`--${name}`)],
    ),
  );
  return palette;
}

export class Trend {
  constructor(canvas, { title, unit, exact }) {
    Object.assign(this, { canvas, title, unit, exact, decimals: decimalsOf(unit) });
    this.points = []; // { t, v (null: none that is good), m (as measured), s (status), isExact }
    this.bands = [];
    this.gaps = [];
    this.windowMs = 8 * 3600e3;
    this.nowMs = null;
    this.range = null;
    this.cross = null; // time under the pointer
    this.isDirty = true;
    this.drawnMs = -Infinity;
    this.isSeen = true;
    this.isWhole = false; // whether the value axis is for all that is shown, not for the running phase alone
    new ResizeObserver(() => this.touch()).observe(canvas);
    const seen = ([entry]) => {
      this.isSeen = entry.isIntersecting;
      this.touch();
    };
    new IntersectionObserver(seen, { rootMargin: "600px" }).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.pointAt(event.offsetX));
    canvas.addEventListener("pointerdown", (event) => this.pointAt(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("blur", () => this.point(null));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  touch() {
    this.isDirty = true;
  }

  load(points) {
    const newest = points.at(-1)?.t ?? -Infinity;
    const since = this.points.filter((point) => point.isLive && point.t > newest);
    this.points = points.concat(since);
    this.touch();
  }

  // A live value; one that comes late is put in its place. Returns false when a new reading is due.
  append(point) {
    const points = this.points;
    point.isLive = true;
    let at = points.length;
    while (at > 0 && points[at - 1].t > point.t) at -= 1;
    if (at > 0 && points[at - 1].t === point.t) points[at - 1] = point;
    else if (at === points.length) points.push(point);
    else points.splice(at, 0, point);
    this.touch();
    if (points.length > POINTS_KEPT) points.splice(0, points.length - POINTS_KEPT / 2);
    return points.length < POINTS_KEPT * 0.9;
  }

  show({ bands, gaps, windowMs }) {
    if (bands) this.bands = bands;
    if (gaps) this.gaps = gaps;
    if (windowMs) this.windowMs = windowMs;
    this.range = null;
    this.touch();
  }

  get last() {
    return this.points.at(-1) ?? null;
  }

  bandAt(ms) {
    return this.bands.findLast((band) => band.start <= ms && (band.end === null || ms < band.end)) ?? null;
  }

  // Pointer and keys

  pointAt(x) {
    if (this.scale) this.point(this.scale.toTime(x));
  }

  point(ms) {
    this.cross = ms;
    this.touch();
    this.draw(this.nowMs);
    if (ms === null) tip.hidden = true;
    else this.tell();
  }

  nearest(ms) {
    let best = null;
    for (const point of this.points) {
      if (best === null || Math.abs(point.t - ms) < Math.abs(best.t - ms)) best = point;
      else if (point.t > ms) break;
    }
    return best;
  }

  tell() {
    const point = this.nearest(this.cross);
    if (point === null || !this.scale) return;
    this.say(point);
    if (!point.isExact && this.exact) {
      clearTimeout(this.asking);
      const asked = this.cross;
      this.asking = setTimeout(async () => {
        const found = await this.exact(asked);
        if (found && this.cross === asked) this.say(found);
      }, 120);
    }
  }

  say(point) {
    const quality = ["Good", "Uncertain", "Bad", "Bad"][point.s >>> 30];
    const approximately = point.isExact ? "" : "≈ ";
    const measured = point.m ?? point.v;
    const value = measured === null ? "no value" : `${number(measured, this.decimals + 2)} ${this.unit}`;
    const code = quality === "Good" ? "" : ` · ${quality} 0x${point.s.toString(16).padStart(8, "0")}`;
    tip.textContent = `${approximately}${value.trim()} · ${exactTime(point.t)}${code}`;
    tip.title = pointedAt(point.t);
    tip.hidden = false;
    const box = this.canvas.getBoundingClientRect();
    const x = box.left + this.scale.toX(point.t);
    tip.style.left = `${Math.max(4, Math.min(x - tip.offsetWidth / 2, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${box.top - tip.offsetHeight - 4 < 4 ? box.bottom + 4 : box.top - tip.offsetHeight - 4}px`;
    this.canvas.setAttribute("aria-label", `${this.title}: ${tip.textContent}`);
  }

  onKey(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") this.point(null);
    if (!(event.key in steps) || !this.points.length) return;
    event.preventDefault();
    const here = this.cross === null ? this.points.length - 1 : this.points.indexOf(this.nearest(this.cross));
    const next = Math.max(0, Math.min(this.points.length - 1, here + (this.cross === null ? 0 : steps[event.key])));
    this.point(this.points[next].t);
  }

  // Drawing

  draw(nowMs) {
    this.nowMs = nowMs;
    if (nowMs === null || !this.isSeen) return;
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const hasMoved = Math.abs(nowMs - this.drawnMs) * width > this.windowMs / 2; // by half a pixel
    if (!width || !(this.isDirty || hasMoved)) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const start = nowMs - this.windowMs;
    while (this.points.length > 2 && this.points[1].t < start) this.points.shift();
    this.scale = this.scaled(start, nowMs, width, height);
    pen.fillStyle = colours().plot;
    pen.fillRect(0, 0, width, height);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width - RIGHT, height - BOTTOM);
    pen.clip();
    this.drawBands(pen, height);
    this.drawGaps(pen, height);
    this.drawTrace(pen);
    this.drawMarks(pen, height);
    this.drawCross(pen, height);
    pen.restore();
    this.drawAxes(pen, start, nowMs, width, height);
    this.isDirty = false;
    this.drawnMs = nowMs;
  }

  // The value axis is for the running phase and its limits; what ran before may lie beyond it. It holds still until a
  // value leaves it, or until it has become far too wide.
  scaled(start, end, width, height) {
    let [low, high] = [Infinity, -Infinity];
    const include = (value) => {
      if (value === null || value === undefined || !Number.isFinite(value)) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    };
    const band = this.bandAt(end);
    const from = !this.isWhole && band && (band.validated || band.nor) ? Math.max(start, band.since) : start;
    for (const point of this.points) if (point.t >= from) include(point.v);
    const running = this.bands.filter((one) => one.since === band?.since);
    for (const one of running) [...(one.validated ?? []), ...(one.nor ?? [])].forEach(include);
    if (low > high) [low, high] = [0, 1];
    const least = 10 ** -this.decimals * 4;
    const pad = Math.max((high - low) * 0.12, least / 2);
    const isOutgrown = !this.range || low < this.range[0] || high > this.range[1];
    const isTooWide = this.range && high - low + 2 * pad < (this.range[1] - this.range[0]) * 0.6;
    const rangeOf = band?.since ?? null;
    if (isOutgrown || isTooWide || this.rangeOf !== rangeOf) this.range = [low - pad, high + pad];
    this.rangeOf = rangeOf;
    const [bottom, top] = this.range;
    const [plotWidth, plotHeight] = [width - RIGHT, height - BOTTOM - TOP];
    return {
      toX: (ms) => ((ms - start) / (end - start)) * plotWidth,
      toY: (value) => TOP + (1 - (value - bottom) / (top - bottom)) * plotHeight,
      toTime: (x) => start + (Math.min(x, plotWidth) / plotWidth) * (end - start),
      end,
      plotWidth,
    };
  }

  drawBands(pen, height) {
    const { toX, toY, end } = this.scale;
    for (const band of this.bands) {
      const left = toX(band.start);
      const right = toX(Math.min(band.end ?? end, end));
      if (right < 0 || left > right) continue;
      for (const [kind, fill] of [["validated", "band-validated"], ["nor", "band-nor"]]) {
        if (!band[kind]) continue;
        const top = band[kind][1] === null ? 0 : toY(band[kind][1]);
        const bottom = band[kind][0] === null ? height : toY(band[kind][0]);
        pen.fillStyle = colours()[fill];
        pen.fillRect(left, top, right - left, bottom - top);
        if (kind !== "validated" && !band.setPoint?.ranges[kind]) continue; // limits that move are lines, also NOR
        pen.strokeStyle = colours()["band-edge"];
        pen.lineWidth = 1;
        pen.beginPath();
        for (const [limit, y] of [[band[kind][1], top], [band[kind][0], bottom]]) {
          if (limit === null) continue;
          pen.moveTo(left, Math.round(y) + 0.5);
          pen.lineTo(right, Math.round(y) + 0.5);
        }
        pen.stroke();
      }
    }
  }

  drawGaps(pen, height) {
    const { toX, end } = this.scale;
    for (const gap of this.gaps) {
      const left = toX(gap.start);
      const right = Math.max(toX(Math.min(gap.end ?? end, end)), left + 2);
      if (right < 0) continue;
      pen.save();
      pen.beginPath();
      pen.rect(left, 0, right - left, height);
      pen.clip();
      pen.fillStyle = colours().plot;
      pen.fillRect(left, 0, right - left, height);
      pen.strokeStyle = colours().gap;
      pen.lineWidth = 1;
      pen.beginPath();
      for (let x = left - height; x < right; x += 6) {
        pen.moveTo(x, height);
        pen.lineTo(x + height, 0);
      }
      pen.stroke();
      if (right - left > 30) {
        pen.fillStyle = colours()["ink-soft"];
        pen.font = "11px system-ui, sans-serif";
        pen.textAlign = "center";
        pen.fillText("gap", (left + right) / 2, height - BOTTOM - 4);
      }
      pen.restore();
    }
  }

  // A gap between two rows breaks the line; one that backfill has bridged does not.
  isCut(from, to) {
    return this.gaps.some((gap) => Math.min(gap.end ?? Infinity, to) - Math.max(gap.start, from) > (to - from) / 2);
  }

  drawTrace(pen) {
    const { toX, toY } = this.scale;
    const outside = [];
    pen.strokeStyle = colours().trace;
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    pen.beginPath();
    let before = null;
    for (const point of this.points) {
      if (point.v === null) {
        before = null;
        continue;
      }
      const [x, y] = [toX(point.t), toY(point.v)];
      if (before === null || this.isCut(before.t, point.t)) pen.moveTo(x, y);
      else pen.lineTo(x, y);
      if (this.isOutside(point)) outside.push(before ?? point, point);
      before = point;
    }
    pen.stroke();
    // What leaves its validated range is the one thing on a trend that has colour.
    pen.strokeStyle = colours().p2;
    pen.lineWidth = 3;
    pen.beginPath();
    for (let at = 0; at < outside.length; at += 2) {
      pen.moveTo(toX(outside[at].t), toY(outside[at].v));
      pen.lineTo(toX(outside[at + 1].t), toY(outside[at + 1].v));
    }
    pen.stroke();
  }

  isOutside(point) {
    const band = this.bandAt(point.t);
    if (!band?.validated || point.v === null) return false;
    // Around a set point the deviation is judged: so is it here.
    const around = band.setPoint?.ranges.validated;
    const [value, [low, high]] = around ? [point.v - band.setPoint.value, around] : [point.v, band.validated];
    return !((low === null || value >= low) && (high === null || value <= high));
  }

  drawMarks(pen, height) {
    const { toX, toY } = this.scale;
    let drawnAt = -Infinity;
    pen.lineWidth = 1.5;
    for (const point of this.points) {
      const severity = point.s >>> 30;
      if (severity === 0 && point.v !== null && !point.hasBad) continue;
      const x = toX(point.t);
      if (x - drawnAt < 6) continue;
      drawnAt = x;
      pen.strokeStyle = colours().bad;
      pen.beginPath();
      if (severity === 1 && point.v !== null) {
        pen.arc(x, toY(point.v), 3, 0, 2 * Math.PI);
      } else {
        const y = height - BOTTOM - 6;
        pen.moveTo(x - 3, y - 3);
        pen.lineTo(x + 3, y + 3);
        pen.moveTo(x + 3, y - 3);
        pen.lineTo(x - 3, y + 3);
      }
      pen.stroke();
    }
  }

  drawCross(pen, height) {
    if (this.cross === null) return;
    const point = this.nearest(this.cross);
    if (point === null) return;
    const x = Math.round(this.scale.toX(point.t)) + 0.5;
    pen.strokeStyle = colours().ink;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height);
    pen.stroke();
    if (point.v === null) return;
    pen.fillStyle = colours().ink;
    pen.beginPath();
    pen.arc(x, this.scale.toY(point.v), 3.5, 0, 2 * Math.PI);
    pen.fill();
  }

  drawAxes(pen, start, end, width, height) {
    const { toX, toY, plotWidth } = this.scale;
    pen.fillStyle = colours()["ink-soft"];
    pen.strokeStyle = colours().line;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    const every = HOURS.find((hours) => (this.windowMs / 3600e3 / hours) * 64 < plotWidth) ?? 24;
    const step = every * 3600e3;
    for (let at = plantClock.next(start, step); at <= end; at += step) {
      const x = toX(at);
      if (x < 16 || x > plotWidth - 14) continue;
      pen.fillText(clockTime(at, false), x, height - 4);
      pen.fillRect(Math.round(x), height - BOTTOM, 1, 3);
    }
    pen.textAlign = "left";
    this.drawScale(pen, end, width, height, toY);
  }

  // Numbers at the right: the limits in force; without any, the ends of the scale.
  drawScale(pen, end, width, height, toY) {
    const limits = this.bandAt(end)?.validated?.filter((limit) => limit !== null) ?? [];
    const [low, high] = this.range;
    const pad = (high - low) * 0.1;
    const shown = limits.length ? limits : [low + pad, high - pad];
    for (const value of shown) {
      const y = Math.min(Math.max(toY(value) + 4, 10), height - BOTTOM - 1);
      pen.fillText(number(value, limits.length ? shortest(value) : this.decimals), width - RIGHT + 4, y);
    }
  }
}

function shortest(value) {
  const text = String(Math.round(value * 1000) / 1000);
  return text.includes(".") ? text.split(".")[1].length : 0;
}
