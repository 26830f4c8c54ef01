// What stands at the top of every page, whatever it shows: how many alarms wait, what was put away, and the horn.

import { ask, calmly } from "./ask.js";
import { element } from "./format.js";
import { Horn } from "./horn.js";
import { root } from "./here.js";
import { shapeOf } from "./shape.js";

const PRIORITIES = [1, 2, 3, 4];
const AWAY = [
  ["shelved", "shelved"],
  ["suppressed", "suppressed"],
  ["out_of_service", "out of service"],
];

export class Station {
  constructor() {
    this.tally = document.getElementById("tally");
    this.away = document.getElementById("put-away");
    this.siteTitle = document.title;
    this.counts = new Map(PRIORITIES.map((priority) => [priority, this.countOf(priority)]));
    this.tally.replaceChildren(...[...this.counts.values()].map(({ box }) => box));
    this.horn = new Horn(document.getElementById("horn"));
    this.want = calmly(() => this.read(), 250);
    this.isHeard = false;
  }

  countOf(priority) {
    const number = element("span", {}, "–");
    const shape = shapeOf(priority, { isSmall: true });
    return { box: element("a", { class: "tally-one is-none", href: `${root}/alarms?priority=${priority}` }, shape, number), number, shape };
  }

  heard(event) {
    if (event === "heartbeat" && !this.isHeard) {
      this.isHeard = true;
      this.want();
      setInterval(() => this.want(), 5000);
    }
    if (event === "alarm" || event === "cut") this.want();
  }

  // `isStale`: nothing is heard any more, so what is shown may be wrong, and the horn can tell of nothing.
  watched(isStale) {
    if (isStale) this.horn.lost();
    this.tally.classList.toggle("is-unsure", isStale);
    this.away.classList.toggle("is-unsure", isStale);
  }

  async read() {
    const told = await ask("/v1/alarms/summary", { time: "ms" });
    for (const [priority, { box, number, shape }] of this.counts) {
      const count = told.waiting[priority] ?? 0;
      const text = String(count);
      if (number.textContent !== text) number.textContent = text;
      box.title = `${count} of priority ${priority} that last and nobody has acknowledged; ${told.lasting[priority] ?? 0} last in all`;
      box.classList.toggle("is-none", count === 0);
      shape.classList.toggle("is-none", count === 0);
    }
    const away = AWAY.filter(([name]) => told.put_away[name]);
    this.away.textContent = away.map(([name, words]) => `${told.put_away[name]} ${words}`).join(" · ");
    this.away.href = `${root}/alarms?list=${away[0]?.[0] ?? "shelved"}`;
    this.away.hidden = !away.length;
    document.title = told.unacknowledged ? `(${told.unacknowledged}) ${this.siteTitle}` : this.siteTitle;
    this.horn.take(told.heard);
  }
}
