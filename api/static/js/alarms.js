// The alarm list: what needs a person first, each with the words to act on, and acknowledging in its place.

import { AlarmGroup, arrange, grouped } from "./alarm-groups.js";
import { ask } from "./ask.js";
import { batchLink, clockTime, duration, element, pointedAt, timeElement } from "./format.js";
import { root } from "./here.js";
import { send } from "./session.js";
import { shapeOf } from "./shape.js";
import { plantClock } from "./zone.js";

export const STATES = {
  UNACK: "not acknowledged",
  ACKED: "acknowledged",
  RTNUN: "back to normal, not acknowledged",
  LATCH: "latched",
  SHLVD: "shelved",
  DSUPR: "suppressed by design",
  OOSRV: "out of service",
  NORM: "normal",
};

export class AlarmList {
  // With `only`, the list is of one alarm, whatever its state.
  constructor(list, { only = null, note = null, changed = () => {} } = {}) {
    Object.assign(this, { list, only, note, changed });
    this.items = new Map();
    this.groups = new Map();
    this.known = null;
    this.spoken = document.getElementById("spoken");
  }

  async read() {
    if (this.only !== null) {
      const told = await ask(`/v1/alarms/${encodeURIComponent(this.only)}`, { time: "ms", limit: 100 });
      this.show([told.alarm], told.now_ms);
      this.changed(told);
      return;
    }
    const told = await ask("/v1/alarms", { time: "ms" });
    this.show(told.alarms, told.now_ms);
    this.count(told.alarms, told.cut);
  }

  show(alarms, nowMs) {
    const ids = new Set(alarms.map((alarm) => alarm.id));
    for (const [id, item] of this.items) {
      if (!ids.has(id)) {
        item.box.remove();
        this.items.delete(id);
      }
    }
    if (!alarms.length) {
      const words = "No alarms. What leaves its range, waits too long or falls silent appears here.";
      arrange(this.list, [element("li", { class: "empty" }, words)]);
    } else {
      arrange(this.list, grouped(alarms).flatMap((group) => this.boxesOf(group, nowMs)));
    }
    this.announce(alarms);
  }

  boxesOf({ key, alarms }, nowMs) {
    const boxes = alarms.map((alarm) => {
      if (!this.items.has(alarm.id)) this.items.set(alarm.id, new AlarmItem(alarm.id, () => this.read()));
      const item = this.items.get(alarm.id);
      item.show(alarm, nowMs);
      return item.box;
    });
    if (key === null) return boxes;
    if (!this.groups.has(key)) this.groups.set(key, new AlarmGroup());
    const group = this.groups.get(key);
    group.show(alarms);
    arrange(group.inner, boxes);
    return [group.box];
  }

  announce(alarms) {
    const waiting = alarms.filter((alarm) => alarm.state === "UNACK");
    const keys = new Set(waiting.map((alarm) => `${alarm.id} ${alarm.occurrence} ${alarm.priority}`));
    if (this.known !== null && this.only === null) {
      const fresh = waiting.filter((alarm) => !this.known.has(`${alarm.id} ${alarm.occurrence} ${alarm.priority}`));
      for (const { box } of fresh.map((alarm) => this.items.get(alarm.id))) {
        box.classList.add("is-new");
        box.closest(".alarm-group")?.classList.add("is-new");
      }
      if (fresh.length) {
        const words = fresh.slice(0, 3).map((alarm) => `Alarm, priority ${alarm.priority}: ${alarm.message}`);
        this.spoken.textContent = words.join(" ") + (fresh.length > 3 ? ` And ${fresh.length - 3} more.` : "");
      }
    }
    this.known = keys;
  }

  count(alarms, isCut) {
    const waiting = alarms.filter((alarm) => alarm.state === "UNACK" || alarm.state === "RTNUN");
    this.note.textContent = alarms.length
      ? `${waiting.length} not acknowledged, ${alarms.length}${isCut ? "+" : ""} in all`
      : "";
  }
}

class AlarmItem {
  constructor(id, read) {
    Object.assign(this, { id, read });
    this.mark = element("div");
    this.link = element("a", { href: `${root}/alarms/${encodeURIComponent(id)}` });
    this.message = element("div", { class: "alarm-message" }, this.link);
    this.where = element("div", { class: "alarm-where" });
    this.help = element("dl", { class: "alarm-help" });
    this.said = element("div", { class: "alarm-said" });
    this.actions = element("div", { class: "alarm-actions" });
    this.box = element("li", { class: "alarm" }, this.mark, element("div", {}, this.message, this.where, this.help, this.said, this.actions));
    this.form = null;
  }

  show(alarm, nowMs) {
    this.alarm = alarm;
    const isWaiting = !alarm.acknowledged;
    this.box.classList.toggle("is-acknowledged", !isWaiting);
    this.mark.replaceChildren(shapeOf(alarm.priority, { isCalm: !isWaiting || !alarm.active }));
    this.link.textContent = alarm.message;
    const place = [alarm.unit, alarm.batch && batchLink(alarm.batch), alarm.phase].filter(Boolean);
    const isOver = alarm.returned_ms !== null;
    const lasted = duration((isOver ? alarm.returned_ms : nowMs) - alarm.since_ms);
    this.where.replaceChildren(
      element("span", { class: "alarm-state" }, STATES[alarm.state] ?? alarm.state),
      ...place.flatMap((part) => [" · ", part]),
      isOver ? " · " : " · since ",
      timeElement(alarm.since_ms, false),
      ...(isOver ? [" to ", timeElement(alarm.returned_ms, false)] : []),
      ` (${lasted})`,
      alarm.occurrence > 1 ? ` · ${alarm.occurrence} times` : "",
      alarm.shelved_until_ms ? ` · until ${clockTime(alarm.shelved_until_ms, false)}` : "",
    );
    this.showHelp(alarm, isWaiting, nowMs);
    this.showSaid(alarm);
    if (!isWaiting) this.form = null;
    if (this.form === null) this.actions.replaceChildren(...(isWaiting ? [this.button()] : []));
    this.actions.hidden = !isWaiting;
  }

  showHelp(alarm, isWaiting, nowMs) {
    const rows = [["Cause", alarm.cause], ["Risk", alarm.consequence], ["Do", alarm.action]];
    if (alarm.respond_within_ns && alarm.active && isWaiting) {
      const leftMs = alarm.since_ms + alarm.respond_within_ns / 1e6 - nowMs;
      rows.push(["Respond", leftMs > 0 ? `within ${duration(leftMs)}` : `overdue by ${duration(-leftMs)}`]);
    }
    const shown = isWaiting ? rows.filter(([, text]) => text) : [];
    this.help.replaceChildren(...shown.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
    this.help.hidden = !shown.length;
  }

  showSaid(alarm) {
    const deed = alarm.shelved_by ?? alarm.acknowledged_by;
    this.said.hidden = !deed;
    if (!deed) return;
    const verb = alarm.shelved_by ? "shelved it" : "acknowledged";
    this.said.replaceChildren(element("strong", {}, deed.person), ` ${verb} at `, timeElement(deed.at_ms, false), `: “${deed.comment}”`);
  }

  button() {
    const press = element("button", { type: "button", class: "press" }, "Acknowledge");
    press.addEventListener("click", () => this.open());
    return press;
  }

  open() {
    const field = (label, attributes) => {
      const input = element("input", attributes);
      return [element("label", {}, label, input), input];
    };
    const [commentLabel, commentInput] = field("What you saw or did", { type: "text", maxlength: "2000", required: "", autocomplete: "off" });
    const fault = element("div", { class: "answer-fault", role: "alert" });
    const go = element("button", { type: "submit", class: "press" }, "Acknowledge");
    const cancel = element("button", { type: "button", class: "press press-plain" }, "Cancel");
    cancel.addEventListener("click", () => this.close());
    this.form = element("form", { class: "answer" }, commentLabel, fault, element("div", { class: "answer-buttons" }, go, cancel));
    this.form.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      fault.textContent = "";
      const refusal = await this.acknowledge(commentInput.value);
      go.disabled = false;
      if (refusal === null) return;
      fault.textContent = refusal.message;
    });
    this.actions.replaceChildren(this.form);
    commentInput.focus();
  }

  close() {
    this.form = null;
    const press = this.button();
    this.actions.replaceChildren(press);
    press.focus();
  }

  // Returns what went wrong, else null.
  async acknowledge(comment) {
    try {
      await send(`/v1/alarms/${encodeURIComponent(this.id)}/acknowledge`, { comment });
      this.form = null;
      await this.read();
      return null;
    } catch (error) {
      return error;
    }
  }
}

export function exactMoments(part) {
  part.querySelectorAll("time[data-ms]").forEach((time) => {
    const ms = Number(time.dataset.ms);
    time.dateTime = new Date(ms).toISOString();
    time.textContent = plantClock.moment(ms);
    time.title = pointedAt(ms);
  });
}
