// How numbers, times and durations are written.

import { root } from "./here.js";
import { plantClock } from "./zone.js";

const DECIMALS = { "°C": 1, K: 1, "%": 1, bar: 2, "bar (g)": 2, "bar (a)": 2, mbar: 0, kW: 1, W: 0, rpm: 0, kg: 1, "": 2 };

export function decimalsOf(unit) {
  return DECIMALS[unit] ?? 2;
}

export function number(value, decimals) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

const two = (n) => String(n).padStart(2, "0");

export const clockTime = (ms, withSeconds = true) => plantClock.time(ms, withSeconds);
export const day = (ms) => plantClock.day(ms);

// To the millisecond and with its offset, so that nobody has to ask which clock it was.
export function exactTime(ms) {
  const fraction = Math.round(ms) % 1000;
  return `${day(ms)} ${clockTime(ms)}${fraction ? `.${String(fraction).padStart(3, "0")}` : ""} ${plantClock.offset(ms)}`;
}

// What a time says when one points at it.
export const pointedAt = (ms) => plantClock.iso(ms);

// A moment in a table: to the second; pointed at, it tells the rest.
export function momentElement(ms) {
  return element("time", { datetime: new Date(ms).toISOString(), title: pointedAt(ms) }, plantClock.moment(ms));
}

export function duration(ms) {
  const minutes = Math.max(0, Math.round(ms / 60000));
  if (ms < 60000) return `${Math.max(0, Math.round(ms / 1000))} s`;
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${two(minutes % 60)} min` : `${minutes} min`;
}

// An element with text and children; attributes that are null are left out. Text is never read as HTML.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function timeElement(ms, withSeconds = true) {
  const iso = new Date(ms).toISOString();
  return element("time", { datetime: iso, title: pointedAt(ms) }, clockTime(ms, withSeconds));
}

// The name of a batch, as a link to its page.
export function batchLink(batch) {
  return element("a", { href: `${root}/batches/${encodeURIComponent(batch)}`, class: "batch-link" }, batch);
}

export function putTime(target, ms, text) {
  target.dateTime = new Date(ms).toISOString();
  target.title = pointedAt(ms);
  if (target.textContent !== text) target.textContent = text;
}
