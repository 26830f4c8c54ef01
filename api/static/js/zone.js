// The plant's clock: which zone it keeps, and what it shows at a moment. Times in answers are UTC; pages show this clock.

const QUARTER_MS = 900e3; // clocks are changed at quarters of an hour
const REMEMBERED = 20000;

export const ZONE = known(JSON.parse(document.getElementById("plan")?.textContent ?? "{}").zone ?? "UTC");

// A zone that this browser does not know is shown as UTC, and says so.
function known(zone) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

// Local minus UTC in ms, of a zone at a moment; the zone's rules are asked once a quarter of an hour.
export function zoneClock(zone) {
  if (zone === "UTC") return () => 0;
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
  const offsets = new Map();
  return (ms) => {
    const from = Math.floor(ms / QUARTER_MS) * QUARTER_MS;
    let offset = offsets.get(from);
    if (offset === undefined) {
      const { year, month, day, hour, minute, second } = Object.fromEntries(parts.formatToParts(from).map(({ type, value }) => [type, Number(value)]));
      offset = Date.UTC(year, month - 1, day, hour, minute, second) - from;
      if (offsets.size >= REMEMBERED) offsets.clear();
      offsets.set(from, offset);
    }
    return offset;
  };
}

const two = (n) => String(n).padStart(2, "0");

export class PlantClock {
  constructor(zone) {
    this.zone = zone;
    this.offsetMs = zoneClock(zone);
  }

  // A date whose UTC fields are what the clock shows.
  shown(ms) {
    return new Date(ms + this.offsetMs(ms));
  }

  // `+01:00`; `UTC` where the plant keeps that.
  offset(ms) {
    if (this.zone === "UTC") return "UTC";
    const minutes = Math.round(this.offsetMs(ms) / 60e3);
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  }

  // Whether the clock shows this time twice: it is put back within the hour, or was.
  isDouble(ms) {
    const offset = this.offsetMs(ms);
    const later = this.offsetMs(ms + 3600e3);
    const before = this.offsetMs(ms - 3600e3);
    return later < offset || before > offset;
  }

  time(ms, withSeconds = true) {
    const at = this.shown(ms);
    const text = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
    return withSeconds ? `${text}:${two(at.getUTCSeconds())}` : text;
  }

  day(ms) {
    const at = this.shown(ms);
    return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  }

  // To the second; with the offset where the clock shows the time twice.
  moment(ms) {
    return `${this.day(ms)} ${this.time(ms)}${this.isDouble(ms) ? ` ${this.offset(ms)}` : ""}`;
  }

  // ISO 8601 with the offset, and in UTC: what a time says when one points at it.
  iso(ms) {
    const utc = new Date(ms).toISOString();
    if (this.zone === "UTC") return utc;
    return `${this.shown(ms).toISOString().slice(0, -1)}${this.offset(ms)} (${this.zone})\n${utc}`;
  }

  // The first moment from `ms` on at which the clock shows a whole multiple of a step: where an axis is labelled.
  next(ms, stepMs) {
    const offset = this.offsetMs(ms);
    return Math.ceil((ms + offset) / stepMs) * stepMs - offset;
  }

  // The moment at which the clock shows `2026-11-23T02:15`, in UTC ms: the first of two.
  read(shown) {
    const asUtcMs = Date.parse(`${shown}Z`);
    const candidates = [-1, 1].map((side) => asUtcMs - this.offsetMs(asUtcMs + side * 86400e3));
    return candidates.find((ms) => ms + this.offsetMs(ms) === asUtcMs) ?? candidates[0];
  }
}

export const plantClock = new PlantClock(ZONE);
