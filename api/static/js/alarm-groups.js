// A flood stays readable: in a long list, lesser alarms of one rule stand together behind one line that opens.

import { element } from "./format.js";

const FLOOD = 10; // alarms; a flood begins beyond (ISA-18.2 says so of 10 minutes)
const TOGETHER = 4; // alarms of one rule; fewer stand alone
const LESSER = 3; // what is critical or high always stands alone
const NAMED = 6;

// The alarms in their order, in groups: `{ key, alarms }`, where a key of null means that one stands alone.
export function grouped(alarms) {
  const byKey = new Map();
  for (const alarm of alarms) {
    const key = alarm.priority >= LESSER ? `${alarm.priority} ${alarm.acknowledged ? "acknowledged" : "waiting"} ${alarm.rule}` : null;
    if (key !== null) byKey.set(key, [...(byKey.get(key) ?? []), alarm]);
  }
  const groups = [];
  const done = new Set();
  for (const alarm of alarms) {
    if (done.has(alarm.id)) continue;
    const [key, members] = [...byKey].find(([, each]) => each.includes(alarm)) ?? [null, [alarm]];
    const isGroup = alarms.length > FLOOD && members.length >= TOGETHER;
    const shown = isGroup ? members : [alarm];
    shown.forEach((one) => done.add(one.id));
    groups.push({ key: isGroup ? key : null, alarms: shown });
  }
  return groups;
}

// One line for several alarms of a rule; what was opened stays open.
export class AlarmGroup {
  constructor() {
    this.words = element("strong");
    this.named = element("span", { class: "note" });
    this.inner = element("ul", { class: "alarms" });
    const summary = element("summary", {}, this.words, element("br"), this.named);
    this.box = element("li", { class: "alarm-group" }, element("details", {}, summary, this.inner));
  }

  show(alarms) {
    const [{ priority, rule, acknowledged }] = alarms;
    const lasting = alarms.filter((alarm) => alarm.active).length;
    const state = acknowledged ? "acknowledged" : "not acknowledged";
    const text = `${alarms.length} alarms of priority ${priority}: ${rule}`;
    if (this.words.textContent !== text) this.words.textContent = text;
    const subjects = alarms.slice(0, NAMED).map((alarm) => alarm.subject).join(", ");
    const more = alarms.length > NAMED ? ` and ${alarms.length - NAMED} more` : "";
    this.named.textContent = `${state}, ${lasting ? `${lasting} last` : "all back to normal"} · ${subjects}${more}`;
  }
}

// Moving an element would take the focus from a person who types in it: only what stands elsewhere is moved.
export function arrange(list, boxes) {
  boxes.forEach((box, place) => {
    if (list.children[place] !== box) list.insertBefore(box, list.children[place] ?? null);
  });
  while (list.children.length > boxes.length) list.lastElementChild.remove();
}
