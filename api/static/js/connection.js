// Plant time, and whether what the page shows is alive: a dead stream must be seen at once.

import { clockTime, day, duration, putTime } from "./format.js";
import { Station } from "./station.js";
import { plantClock } from "./zone.js";

const SILENT_AFTER_MS = 3000; // heartbeats come once a second
const HELD_BACK_AFTER_MS = 6000; // and the first one at once

export class Connection {
  constructor(speed) {
    this.speed = speed;
    this.plantMs = null;
    this.startedAt = performance.now();
    this.heardAt = null; // performance.now() of the last event
    this.lostAt = null;
    this.faults = {};
    this.standstill = null; // why nothing is judged, and since when
    this.banner = document.getElementById("standstill");
    this.box = document.getElementById("connection");
    this.text = document.getElementById("connection-text");
    this.clock = document.getElementById("plant-time");
    this.day = document.getElementById("plant-day");
    this.station = new Station();
    setInterval(() => this.show(), 250);
  }

  heard(event, told) {
    if (event === "lost") {
      this.lostAt ??= performance.now();
      this.show();
      return;
    }
    this.heardAt = performance.now();
    this.lostAt = null;
    this.station.heard(event);
    if (event === "heartbeat") {
      this.plantMs = told.now_ns / 1e6;
      this.speed = told.speed;
      this.faults = told.faults;
      this.standstill = told.standstill;
      this.showStandstill();
    }
  }

  get isStale() {
    if (this.heardAt === null || this.lostAt !== null || Object.keys(this.faults).length) return true;
    return performance.now() - this.heardAt > SILENT_AFTER_MS;
  }

  // Plant time now; it stands still while nothing is heard, as does everything else on the page.
  get nowMs() {
    if (this.plantMs === null) return null;
    const sinceMs = Math.min(performance.now() - this.heardAt, 1500);
    return this.plantMs + Math.max(0, sinceMs) * this.speed;
  }

  show() {
    const isFirst = this.heardAt === null;
    const isStale = this.isStale;
    this.box.className = `connection ${isFirst ? "is-waiting" : isStale ? "is-stale" : "is-live"}`;
    this.station.watched(isStale && !isFirst);
    this.say(isFirst ? this.waiting() : isStale ? this.staleness() : "live");
    document.body.classList.toggle("is-stale-page", isStale && !isFirst);
    const nowMs = this.nowMs;
    if (nowMs === null) return;
    putTime(this.clock, nowMs, clockTime(nowMs));
    const today = `${day(nowMs)} ${plantClock.offset(nowMs)}`;
    if (this.day.textContent !== today) this.day.textContent = today;
  }

  // What is shown may be right, and nobody looks whether it is in its limits.
  showStandstill() {
    const sinceMs = this.standstill && this.standstill.since_ns / 1e6;
    const text = this.standstill ? `The service does not judge since ${clockTime(sinceMs, false)} ${plantClock.offset(sinceMs)}: ${this.standstill.why}.` : "";
    if (this.banner.textContent !== text) this.banner.textContent = text;
    this.banner.hidden = !text;
  }

  // The page came, so the service answers: that its events do not is most often the work of something between.
  waiting() {
    const isHeldBack = performance.now() - this.startedAt > HELD_BACK_AFTER_MS;
    return isHeldBack ? "no events yet: does a proxy hold them back?" : "connecting";
  }

  staleness() {
    const [what, fault] = Object.entries(this.faults)[0] ?? [];
    if (fault && this.lostAt === null) return `${what}: ${fault}`;
    return `stale since ${clockTime(this.plantMs)} (${duration(performance.now() - this.heardAt)})`;
  }

  say(text) {
    if (this.text.textContent !== text) this.text.textContent = text;
  }
}
