// The rows of the alarm list: each is made once and changed only where its alarm changed, a part of them per frame, so
// that a thousand alarms neither stutter nor take the focus away.

import { clockTime, duration, element, pointedAt } from "./format.js";
import { shapeOf } from "./shape.js";

const MAKING_PER_FRAME_MS = 8;

export const STATE_WORDS = {
  UNACK: "not acknowledged",
  ACKED: "acknowledged",
  RTNUN: "back, not acknowledged",
  LATCH: "latched",
  SHLVD: "shelved",
  DSUPR: "suppressed",
  OOSRV: "out of service",
  NORM: "normal",
};

export class Row {
  constructor(id) {
    this.id = id;
    this.signature = null;
    this.choose = element("button", { type: "button", class: "row-choose", tabindex: "-1" });
    this.time = element("time", { class: "row-time" });
    this.unit = element("span", { class: "row-unit" });
    this.words = element("span", { class: "row-words" });
    this.state = element("span", { class: "row-state" });
    this.lasts = element("span", { class: "row-lasts" });
    this.box = element("li", { class: "row", role: "option", tabindex: "-1", "aria-selected": "false", "data-id": id }, this.choose, this.time, this.unit, this.words, this.state, this.lasts);
  }

  show(alarm, nowMs) {
    this.alarm = alarm;
    const signature = `${alarm.transition} ${alarm.priority} ${alarm.state}`;
    if (signature !== this.signature) this.write(alarm);
    this.signature = signature;
    this.pass(nowMs);
  }

  write(alarm) {
    const isWaiting = !alarm.acknowledged;
    this.box.classList.toggle("is-waiting", isWaiting);
    this.box.classList.toggle("is-calm", !isWaiting || !alarm.active);
    this.choose.replaceChildren(shapeOf(alarm.priority, { isCalm: !isWaiting || !alarm.active }));
    this.choose.setAttribute("aria-label", `choose: priority ${alarm.priority}, ${alarm.message}`);
    this.time.textContent = clockTime(alarm.since_ms);
    this.time.dateTime = new Date(alarm.since_ms).toISOString();
    this.time.title = pointedAt(alarm.since_ms);
    this.unit.textContent = alarm.unit;
    this.words.textContent = alarm.message;
    this.words.title = alarm.message;
    const more = alarm.told_by_dcs ? " · sounds in the control system" : alarm.occurrence > 1 ? ` · ${alarm.occurrence} times` : "";
    this.state.textContent = `${STATE_WORDS[alarm.state] ?? alarm.state}${stateMore(alarm)}${more}`;
    this.state.dataset.unit = alarm.unit;
    this.box.setAttribute("aria-label", `priority ${alarm.priority}, ${alarm.unit}, ${alarm.message}, ${this.state.textContent}`);
  }

  // What no event changes: how long it lasts, and what is left to respond.
  pass(nowMs) {
    const { alarm } = this;
    const isOver = alarm.returned_ms !== null;
    let text = duration((isOver ? alarm.returned_ms : nowMs) - alarm.since_ms);
    let isOverdue = false;
    if (alarm.state === "SHLVD" && alarm.shelved_until_ms) text = `${duration(alarm.shelved_until_ms - nowMs)} left`;
    else if (alarm.state === "UNACK" && alarm.respond_within_ns) {
      const leftMs = alarm.since_ms + alarm.respond_within_ns / 1e6 - nowMs;
      isOverdue = leftMs < 0;
      text = isOverdue ? `${duration(-leftMs)} late` : `${duration(leftMs)} left`;
    }
    if (this.lasts.textContent !== text) this.lasts.textContent = text;
    this.lasts.classList.toggle("is-overdue", isOverdue);
  }

  // Written only where it changes: a thousand rows are looked at for each key.
  mark(isChosen, isOpen, hasFocus, isFirst) {
    const marks = `${isChosen} ${isOpen} ${hasFocus} ${isFirst}`;
    if (marks === this.marks) return;
    this.marks = marks;
    this.box.setAttribute("aria-selected", String(isChosen));
    this.box.classList.toggle("is-open", isOpen);
    this.box.classList.toggle("is-first", isFirst);
    this.box.tabIndex = hasFocus ? 0 : -1;
  }
}

function stateMore(alarm) {
  if (alarm.state === "SHLVD" && alarm.shelved_by) return ` until ${clockTime(alarm.shelved_until_ms, false)} by ${alarm.shelved_by.person}`;
  if (alarm.state === "DSUPR" && alarm.suppressed_by) return `: ${alarm.suppressed_by}`;
  if (alarm.state === "ACKED" && alarm.acknowledged_by) return ` by ${alarm.acknowledged_by.person}`;
  return "";
}

// Puts rows (and heads of groups) into a list in their order, a part of the new ones per frame. A box that stands where
// it belongs is not touched: moving it would take the focus.
export class Rows {
  constructor(list) {
    Object.assign(this, { list, rows: new Map(), wanted: [], nowMs: 0, frame: null, known: null, drawn: () => {} });
  }

  // `wanted`: alarms and elements (heads of groups), in their order.
  show(wanted, nowMs) {
    Object.assign(this, { wanted, nowMs });
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = null;
    const until = performance.now() + MAKING_PER_FRAME_MS;
    let isWhole = true;
    const boxes = [];
    const ids = new Set();
    for (const one of this.wanted) {
      if (one instanceof Element) {
        boxes.push(one);
        continue;
      }
      ids.add(one.id);
      let row = this.rows.get(one.id);
      if (!row) {
        if (performance.now() > until) {
          isWhole = false;
          continue;
        }
        row = new Row(one.id);
        row.box.classList.toggle("is-new", this.known !== null && one.state === "UNACK");
        this.rows.set(one.id, row);
      }
      if (row.alarm !== one) row.show(one, this.nowMs);
      boxes.push(row.box);
    }
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.box.remove();
        this.rows.delete(id);
      }
    }
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    arrangeBoxes(this.list, boxes);
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    if (isWhole) {
      this.known = ids;
      this.drawn();
    } else this.frame = requestAnimationFrame(() => this.draw());
  }

  pass(nowMs) {
    for (const row of this.rows.values()) row.pass(nowMs);
  }
}

function arrangeBoxes(list, boxes) {
  const wanted = new Set(boxes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  let at = list.firstElementChild;
  for (const box of boxes) {
    if (box === at) at = at.nextElementSibling;
    else list.insertBefore(box, at);
  }
}
