// How numbers, times and durations are written.

import { root } from "./here.js";

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

export function clockTime(ms, withSeconds = true) {
  const at = new Date(ms);
  const text = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  return withSeconds ? `${text}:${two(at.getUTCSeconds())}` : text;
}

export function day(ms) {
  const at = new Date(ms);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}

export function exactTime(ms) {
  const fraction = Math.round(ms) % 1000;
  return `${day(ms)} ${clockTime(ms)}${fraction ? `.${String(fraction).padStart(3, "0")}` : ""} UTC`;
}

export function localTime(ms) {
  return `${new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })} local time`;
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
  return element("time", { datetime: iso, title: `${exactTime(ms)}\n${localTime(ms)}` }, clockTime(ms, withSeconds));
}

// The name of a batch, as a link to its page.
export function batchLink(batch) {
  return element("a", { href: `${root}/batches/${encodeURIComponent(batch)}`, class: "batch-link" }, batch);
}

export function putTime(target, ms, text) {
  target.dateTime = new Date(ms).toISOString();
  target.title = localTime(ms);
  if (target.textContent !== text) target.textContent = text;
}
