// One parameter of a unit: its value now, the range in force, and its trend.

import { bandsOf, exactAt, gapsOf, pointOf, pointsOf } from "./history.js";
import { decimalsOf, duration, exactTime, number } from "./format.js";
import { Trend } from "./trend.js";

const QUIET_AFTER_MS = 10 * 60e3;

export class Parameter {
  constructor(box, shape, connection) {
    Object.assign(this, { box, tag: shape.tag, unit: shape.unit, kind: shape.kind, connection });
    this.decimals = decimalsOf(shape.unit);
    this.value = box.querySelector("[data-value]");
    this.range = box.querySelector("[data-range]");
    const canvas = box.querySelector("canvas");
    this.newest = null;
    if (canvas) {
      const exact = (ms) => exactAt(this.tag, ms, this.trend.windowMs / 200);
      this.trend = new Trend(canvas, { title: shape.title, unit: shape.unit, exact });
    }
  }

  async load(windowMs, nowMs) {
    if (!this.trend) return;
    const start = nowMs - windowMs;
    const [points, bands, gaps] = await Promise.all([
      pointsOf(this.tag, start, nowMs + 1, this.trend.canvas.clientWidth),
      bandsOf(this.tag, start),
      gapsOf(this.tag, start),
    ]);
    this.trend.load(points);
    this.trend.show({ bands, gaps, windowMs });
    if (this.trend.last) this.take(this.trend.last);
  }

  async loadBands(windowMs, nowMs) {
    if (this.trend) this.trend.show({ bands: await bandsOf(this.tag, nowMs - windowMs) });
    this.judge();
  }

  // Whether limits of it move with a set point: no event tells that.
  get hasMovingBands() {
    return this.trend?.bands.some((band) => band.setPoint !== null) ?? false;
  }

  async loadGaps(windowMs, nowMs) {
    if (this.trend) this.trend.show({ gaps: await gapsOf(this.tag, nowMs - windowMs) });
  }

  // A row from the stream. Returns false when the trend should be read anew.
  append(ms, value, status) {
    const point = pointOf(ms, value, status);
    this.take(point);
    return this.trend ? this.trend.append(point) : true;
  }

  take(point) {
    if (this.newest !== null && point.t < this.newest.t) return;
    this.newest = point;
    const measured = point.m ?? point.v;
    const text = this.kind === "boolean" && measured !== null ? (measured ? "yes" : "no") : number(measured, this.decimals);
    if (this.value.textContent !== text) this.value.textContent = text;
    this.value.title = `${number(measured, 6)} ${this.unit}, ${exactTime(point.t)}`;
    this.judge();
  }

  // The band in force, in words, and whether the value is outside it: the number alone tells it, without colour too.
  judge() {
    if (!this.range || this.newest === null) return;
    const { v, t, s } = this.newest;
    const band = this.trend.bandAt(t);
    const isBad = s >>> 31 === 1;
    const isOutside = !isBad && this.trend.isOutside(this.newest);
    const silentMs = (this.connection.nowMs ?? t) - t;
    const isQuiet = silentMs > QUIET_AFTER_MS;
    this.box.classList.toggle("is-bad", isBad);
    this.box.classList.toggle("is-outside", isOutside);
    this.box.classList.toggle("is-quiet", isQuiet && !isBad);
    const text = isBad
      ? "bad quality"
      : isQuiet
        ? `unchanged for ${duration(silentMs)}`
        : isOutside
          ? `${side(v, band.validated)} ${spoken(band.validated)}`
          : band?.validated || band?.nor
            ? `${spoken(band.validated ?? band.nor)} ${band.validated ? "validated" : "NOR"}`
            : "no range in this phase";
    if (this.range.textContent !== text) this.range.textContent = text;
  }

  draw(nowMs) {
    if (this.trend && !document.hidden) this.trend.draw(nowMs);
  }
}

function side(value, [low]) {
  return low !== null && value < low ? "▼ below" : "▲ above";
}

function spoken([low, high]) {
  const text = (value) => String(Math.round(value * 1000) / 1000).replace("-", "−");
  if (low === null) return `≤ ${text(high)}`;
  return high === null ? `≥ ${text(low)}` : `${text(low)} – ${text(high)}`;
}
