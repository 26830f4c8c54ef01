// The chosen alarm beside the list, or over its lower part on a phone: what to do first, then why.

import { batchLink, duration, element, timeElement } from "./format.js";
import { root } from "./here.js";
import { STATE_WORDS } from "./alarm-rows.js";
import { shapeOf } from "./shape.js";

export class Detail {
  // `deed(name)` opens what a person does to the alarm that is shown; `closed()` hears that it was put away.
  constructor(box, deed, closed) {
    Object.assign(this, { box, deed, closed, id: null, signature: null });
    this.left = element("span");
  }

  show(alarm, nowMs) {
    const signature = `${alarm.transition} ${alarm.priority} ${alarm.state}`;
    if (this.id !== alarm.id || this.signature !== signature) this.write(alarm);
    Object.assign(this, { id: alarm.id, signature });
    this.pass(alarm, nowMs);
    this.box.hidden = false;
    this.box.parentElement.classList.add("has-detail");
  }

  close() {
    this.box.hidden = true;
    this.box.parentElement.classList.remove("has-detail");
    this.id = null;
  }

  pass(alarm, nowMs) {
    const overMs = alarm.returned_ms ?? nowMs;
    let text = `for ${duration(overMs - alarm.since_ms)}`;
    if (alarm.respond_within_ns && alarm.state === "UNACK") {
      const leftMs = alarm.since_ms + alarm.respond_within_ns / 1e6 - nowMs;
      text += leftMs > 0 ? `, respond within ${duration(leftMs)}` : `, overdue by ${duration(-leftMs)}`;
    }
    if (this.left.textContent !== text) this.left.textContent = text;
  }

  write(alarm) {
    const close = element("button", { type: "button", class: "press press-plain detail-close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.closed());
    const place = [alarm.unit, alarm.batch && batchLink(alarm.batch), alarm.phase].filter(Boolean);
    const facts = [
      ["State", [STATE_WORDS[alarm.state] ?? alarm.state, " ", this.left]],
      ["Since", [timeElement(alarm.since_ms), ...(alarm.returned_ms === null ? [] : [" to ", timeElement(alarm.returned_ms)]), alarm.occurrence > 1 ? ` · ${alarm.occurrence} times` : ""]],
      ["Where", place.flatMap((part, at) => (at ? [" · ", part] : [part]))],
      ["Cause", [alarm.cause]],
      ["Risk", [alarm.consequence]],
      ["Suppressed", [alarm.suppressed_by ?? ""]],
      ["Control system", [alarm.dcs_alarm ?? ""]],
      ["Class", [alarm.class ?? ""]],
    ].filter(([, parts]) => parts.some((part) => part));
    const said = [
      [alarm.acknowledged_by, "acknowledged"],
      [alarm.shelved_by, "shelved it"],
    ].filter(([deed]) => deed);
    this.box.replaceChildren(
      element("div", { class: "detail-head" }, shapeOf(alarm.priority, { isCalm: alarm.acknowledged || !alarm.active }), element("div", { class: "detail-words" }, alarm.message), close),
      alarm.action ? element("div", { class: "detail-do" }, alarm.action) : "",
      element("dl", { class: "facts" }, ...facts.flatMap(([name, parts]) => [element("dt", {}, name), element("dd", {}, ...parts)])),
      ...said.map(([deed, verb]) => element("p", { class: "said" }, element("strong", {}, deed.person), ` ${verb} at `, timeElement(deed.at_ms, false), `: “${deed.comment}”`)),
      element("p", {}, element("a", { href: `${root}/alarms/${encodeURIComponent(alarm.id)}` }, "Trend and everything that happened →")),
      element("div", { class: "form-buttons" }, ...deedsOf([alarm]).map(([name, words], at) => this.button(name, words, at))),
    );
  }

  button(name, words, at) {
    const press = element("button", { type: "button", class: at ? "press press-plain" : "press" }, words);
    press.addEventListener("click", () => this.deed(name));
    return press;
  }
}

// What can be done to some alarms, the most needed first: a deed is offered where it does something to one of them.
export function deedsOf(alarms) {
  const some = (is) => alarms.some(is);
  return [
    some((alarm) => !alarm.acknowledged) && ["acknowledge", "Acknowledge"],
    some((alarm) => alarm.latched) && ["reset", "Reset the latch"],
    some((alarm) => alarm.shelved_until_ms) && ["unshelve", "Unshelve"],
    some((alarm) => alarm.out_of_service) && ["return-to-service", "Back into service"],
    some((alarm) => !alarm.shelved_until_ms && !alarm.out_of_service) && ["shelve", "Shelve"],
    ["comment", "Comment"],
    some((alarm) => !alarm.out_of_service) && ["out-of-service", "Out of service"],
  ].filter(Boolean);
}
