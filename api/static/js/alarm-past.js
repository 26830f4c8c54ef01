// What happened to alarms, newest first, page by page.

import { ask } from "./ask.js";
import { element, momentElement } from "./format.js";
import { root } from "./here.js";
import { shapeOf } from "./shape.js";
import { plantClock } from "./zone.js";

const PER_PAGE = 100;

export class Past {
  constructor(box) {
    this.box = box;
    this.rows = document.getElementById("past-rows");
    this.note = document.getElementById("past-note");
    this.more = document.getElementById("past-more");
    this.more.addEventListener("click", () => this.read(this.next));
    this.next = null;
    this.turn = 0;
  }

  // Begins anew with what the filter says.
  async show({ text, unit, priority, batch, person, start, end }) {
    const moment = (shown) => (shown ? new Date(plantClock.read(shown)).toISOString() : "");
    const asked = { text, unit, batch, person, start: moment(start), end: moment(end), priority: priority === "1" ? "1" : "" };
    this.asked = Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
    await this.read(null);
  }

  async read(before) {
    const turn = (this.turn += 1);
    this.note.textContent = "Reading…";
    try {
      const told = await ask("/v1/alarms/journal", { ...this.asked, time: "ms", limit: PER_PAGE, ...(before ? { before } : {}) });
      if (turn !== this.turn) return; // asked again meanwhile
      const made = told.transitions.map(rowOf);
      if (before) this.rows.append(...made);
      else this.rows.replaceChildren(...made);
      this.next = told.next;
      this.more.hidden = told.next === null;
      this.note.textContent = this.rows.childElementCount ? (told.next === null ? "That is all." : "") : "Nothing of that kind has happened.";
    } catch (error) {
      if (turn === this.turn) this.note.textContent = `Nobody knows what happened: it could not be read (${error.message}).`;
    }
  }
}

function rowOf(one) {
  const who = one.person ? element("strong", {}, one.person) : "";
  return element(
    "tr",
    {},
    element("td", {}, momentElement(one.at_ms)),
    element("td", {}, element("strong", {}, one.what.replaceAll("_", " "))),
    element("td", {}, element("a", { href: `${root}/alarms/${encodeURIComponent(one.alarm)}` }, one.message), element("br"), element("span", { class: "note" }, [one.unit, one.batch, one.phase].filter(Boolean).join(" · "))),
    element("td", {}, shapeOf(one.priority, { isSmall: true, isCalm: true })),
    element("td", {}, who, one.comment ? ` “${one.comment}”` : ""),
  );
}
