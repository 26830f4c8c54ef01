// The alarm list: reads it, keeps it alive, and lets a person choose and act by hand or by key.

import { act, openDeed } from "./act.js";
import { chosenOf, groupsOf, LISTS } from "./alarm-choice.js";
import { deedsOf, Detail } from "./alarm-detail.js";
import { Past } from "./alarm-past.js";
import { Rows } from "./alarm-rows.js";
import { ask, calmly } from "./ask.js";
import { Connection } from "./connection.js";
import { clockTime, element, momentElement } from "./format.js";
import { PATTERNS } from "./horn.js";
import { listen } from "./stream.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
const { horn } = connection.station;
const $ = (id) => document.getElementById(id);
const [list, filter, empty, note, doing] = ["rows", "filter", "rows-empty", "alarms-note", "doing"].map($);
const rows = new Rows(list);
const past = new Past($("past"));
const detail = new Detail($("detail"), (deed) => open(deed, [byId.get(opened)]), () => show(null));
const spoken = $("spoken");

let byId = new Map();
let told = null; // what was read last
let fault = "";
let shownList = "open";
let opened = null; // the id of the alarm in the detail
let focused = null;
let held = false; // a finger is down: nothing moves under it
const chosen = new Set();
const closedGroups = new Set();
const groupHeads = new Map();
let episodes = new Map();
let firsts = new Set(); // ids of what began an episode, while the list is grouped by them
let heardKeys = null;
const byDesign = { told: null, fault: "" };

// Reading

async function read() {
  try {
    told = await ask("/v1/alarms", { time: "ms", limit: 5000 });
    fault = "";
  } catch (error) {
    fault = error.message;
    draw();
    throw error;
  }
  byId = new Map(told.alarms.map((alarm) => [alarm.id, alarm]));
  for (const id of chosen) if (!byId.has(id)) chosen.delete(id);
  fillChoices();
  announce();
  draw();
}

async function readFlood() {
  if (!plan.measured) return; // nobody measures floods here
  const { positions } = await ask("/v1/alarms/flood", { time: "ms" });
  episodes = new Map(positions.flatMap((one) => one.episodes).reverse().flatMap((episode) => episode.alarms.map((alarm) => [alarm, episode])));
  const floods = positions.filter((one) => one.flood && !one.flood.end_ms);
  $("flood").hidden = !floods.length;
  $("flood").replaceChildren(...floods.flatMap((one) => floodWords(one, positions.length > 1)));
  if (filter.elements.group.value === "episode") draw();
}

function floodWords({ position, flood, in_ten_minutes, digest }, isOneOfMany) {
  const where = isOneOfMany ? `${position}: ` : "";
  const isGrouped = filter.elements.group.value === "episode";
  const button = element("button", { type: "button", class: "press press-plain", "aria-pressed": String(isGrouped) }, isGrouped ? "No groups" : "Group by what came first");
  button.addEventListener("click", () => {
    set({ group: isGrouped ? "" : "episode" });
    showList("open");
    wantFlood();
  });
  const words = `${where || "Flood"}${where ? "flood" : ""} since ${clockTime(flood.start_ms, false)}, ${in_ten_minutes} alarms in ten minutes`;
  const lines = digest.filter((line) => /^(First|Then)/.test(line)).slice(0, 3); // the counts by priority stand in the head
  return [element("div", { class: "flood-head" }, element("strong", {}, words), button), ...lines.map((line) => element("span", { class: "flood-line" }, line))];
}

// What is put away by design, also where nothing of it is active: an operator has to know what would stay silent.
async function readByDesign() {
  try {
    byDesign.told = (await ask("/v1/alarms/suppressions", { time: "ms" })).suppressions;
    byDesign.fault = "";
  } catch (error) {
    Object.assign(byDesign, { told: null, fault: error.message });
  }
  showByDesign();
}

function showByDesign() {
  const box = $("in-force");
  const { told, fault } = byDesign;
  box.hidden = shownList !== "suppressed" || (told !== null && !told.length);
  $("in-force-count").className = told?.length ? "in-force-count" : "unseen";
  $("in-force-count").textContent = told?.length ? `${told.length} in force` : "";
  if (told === null) box.replaceChildren(element("p", { class: "unknown" }, fault ? `Nobody knows what is suppressed by design (${fault}).` : "Reading what is suppressed…"));
  else box.replaceChildren(element("h2", { class: "heading" }, "Suppressions in force: what they hide is silent"), element("ul", {}, ...told.map(byDesignItem)));
}

function byDesignItem({ suppression, unit, why, until, since_ms, rules }) {
  const hidden = rules.length > 6 ? `${rules.length} rules` : rules.join(", ");
  const words = [element("strong", {}, suppression), `: ${unit} is ${why}, since `, momentElement(since_ms), `, until ${until} `];
  return element("li", {}, ...words, element("span", { class: "note", title: rules.join("\n") }, `hides ${hidden}`));
}

const wantByDesign = calmly(readByDesign, 2000);
const wantAlarms = calmly(read, 300);
const wantFlood = calmly(readFlood, 2000);

// Speaking: what is new and of which priority; the counts by the note, politely

function announce() {
  const keys = new Map(told.alarms.filter((alarm) => alarm.state === "UNACK").map((alarm) => [`${alarm.id} ${alarm.occurrence} ${alarm.priority}`, alarm]));
  if (heardKeys !== null) {
    const fresh = [...keys].filter(([key]) => !heardKeys.has(key)).map(([, alarm]) => alarm);
    fresh.sort((one, other) => one.priority - other.priority);
    const words = fresh.slice(0, 2).map((alarm) => `Alarm, priority ${alarm.priority}: ${alarm.message}`);
    if (words.length) spoken.textContent = words.join(" ") + (fresh.length > 2 ? ` And ${fresh.length - 2} more.` : "");
  }
  heardKeys = new Set(keys.keys());
}

// Showing

const filtering = () => Object.fromEntries(new FormData(filter));

function draw() {
  if (told === null) {
    empty.textContent = fault ? `Nobody knows which alarms there are: they could not be read (${fault}).` : "Reading the alarms…";
    empty.className = fault ? "unknown" : "empty panel";
    return;
  }
  if (held) return;
  const nowMs = connection.nowMs ?? told.now_ms;
  for (const button of document.querySelectorAll("[data-list]")) {
    const count = button.querySelector("[data-count]");
    if (count) count.textContent = String(told.alarms.filter(LISTS[button.dataset.list]).length);
  }
  if (shownList === "past") return;
  const asked = filtering();
  const { shown, hidden } = chosenOf(told.alarms, shownList, asked);
  const isGrouped = shownList === "open" && asked.group;
  const wanted = isGrouped ? groupsOf(shown, asked.group, episodes).flatMap(groupRows) : shown;
  firsts = new Set(isGrouped && asked.group === "episode" ? [...episodes.values()].map((episode) => episode.first_out.alarm) : []);
  rows.show(wanted, nowMs);
  empty.hidden = shown.length > 0;
  empty.className = "empty panel";
  empty.textContent = hidden ? `None of ${hidden} passes the filter.` : EMPTY[shownList];
  say(shown, hidden);
  if (opened !== null && byId.has(opened)) detail.show(byId.get(opened), nowMs);
  else if (opened !== null) show(null);
}

const EMPTY = {
  open: "No alarms. What leaves its range, waits too long or falls silent appears here.",
  shelved: "Nothing is shelved.",
  suppressed: "No active alarm is suppressed by design at the moment.",
  out_of_service: "Nothing is out of service.",
};

function say(shown, hidden) {
  const waiting = shown.filter((alarm) => !alarm.acknowledged).length;
  const words = shownList === "open" ? `${waiting} not acknowledged, ${shown.length} shown` : `${shown.length} shown`;
  const text = `${words}${told.cut ? " of more" : ""}`;
  if (note.textContent !== text) note.textContent = text;
  const narrowed = $("narrowed");
  narrowed.hidden = !hidden;
  narrowed.textContent = `${hidden} hidden by the filter`;
  markChosen();
}

function groupRows(group) {
  if (!groupHeads.has(group.key)) groupHeads.set(group.key, groupHead(group.key));
  const head = groupHeads.get(group.key);
  head.alarms = group.alarms;
  const waiting = group.alarms.filter((alarm) => !alarm.acknowledged).length;
  const worst = Math.min(...group.alarms.map((alarm) => alarm.priority));
  head.title.textContent = group.title;
  head.note.textContent = `${group.alarms.length} ${group.alarms.length === 1 ? "alarm" : "alarms"}, ${waiting} not acknowledged, worst priority ${worst}`;
  const isClosed = closedGroups.has(group.key);
  head.fold.textContent = isClosed ? "Show" : "Fold";
  head.fold.setAttribute("aria-expanded", String(!isClosed));
  return isClosed ? [head.box] : [head.box, ...group.alarms];
}

function groupHead(key) {
  const [title, noted] = [element("span"), element("span", { class: "note" })];
  const fold = element("button", { type: "button", class: "press press-plain" });
  const all = element("button", { type: "button", class: "press press-plain" }, "Choose all");
  const head = { title, note: noted, fold, alarms: [], box: element("li", { class: "row-group", role: "presentation" }, fold, all, title, noted) };
  fold.addEventListener("click", () => {
    if (!closedGroups.delete(key)) closedGroups.add(key);
    draw();
  });
  all.addEventListener("click", () => {
    head.alarms.forEach((alarm) => chosen.add(alarm.id));
    markChosen();
  });
  return head;
}

function markChosen() {
  if (focused === null || !rows.rows.has(focused)) focused = rows.rows.keys().next().value ?? null;
  for (const [id, row] of rows.rows) row.mark(chosen.has(id), id === opened, id === focused, firsts.has(id));
  showDoing();
}
rows.drawn = markChosen;

let doneFor = "";
function showDoing() {
  const alarms = [...chosen].map((id) => byId.get(id)).filter(Boolean);
  doing.hidden = !alarms.length;
  const deeds = deedsOf(alarms);
  const key = `${alarms.length} ${deeds.map(([name]) => name)}`;
  if (key === doneFor) return;
  doneFor = key;
  const release = element("button", { type: "button", class: "press press-plain" }, "Let go");
  release.addEventListener("click", clear);
  const buttons = deeds.map(([name, words], at) => {
    const press = element("button", { type: "button", class: at ? "press press-plain" : "press" }, words);
    press.addEventListener("click", () => open(name, picked()));
    return press;
  });
  doing.replaceChildren(element("span", { class: "doing-count", role: "status" }, `${alarms.length} chosen`), ...buttons, release);
}

function clear() {
  chosen.clear();
  markChosen();
}

function show(id) {
  opened = id;
  if (id === null) detail.close();
  draw();
  markChosen();
}

// Doing

const picked = () => (chosen.size ? [...chosen] : [focused]).map((id) => byId.get(id)).filter(Boolean);
const standardOf = (alarms) => {
  const words = new Set(alarms.map((alarm) => plan.classes[alarm.class]?.standard_comment ?? ""));
  return words.size === 1 ? [...words][0] || null : null;
};

function open(deed, alarms) {
  if (!alarms.length || alarms.includes(undefined)) return;
  const nowMs = connection.nowMs ?? told.now_ms;
  const done = (answers) => {
    for (const one of answers) if (one.outcome !== "waiting") chosen.delete(one.alarm);
    wantAlarms();
  };
  const limits = alarms.flatMap((alarm) => [plan.classes[alarm.class]?.longest_shelf_ns, plan.shelves_ns[alarm.priority], 24 * 3600e9]);
  openDeed(deed, alarms, { nowMs, standard: deed === "acknowledge" ? standardOf(alarms) : null, shelfEndsMs: nowMs + Math.min(...limits.filter(Boolean)) / 1e6, done });
}

async function acknowledgeAtOnce() {
  const alarms = picked().filter((alarm) => !alarm.acknowledged);
  const words = standardOf(alarms);
  if (!alarms.length) return;
  if (words === null) {
    open("acknowledge", alarms);
    return;
  }
  try {
    const answers = await act("acknowledge", alarms, words);
    const failed = answers.filter((one) => one.outcome !== "done");
    spoken.textContent = failed.length ? failed.map((one) => one.detail).join(" ") : `${answers.length} acknowledged.`;
    answers.forEach((one) => chosen.delete(one.alarm));
  } catch (error) {
    spoken.textContent = error.message;
    open("acknowledge", alarms);
  }
  wantAlarms();
}

// Hands and keys

function choose(id) {
  if (!chosen.delete(id)) chosen.add(id);
  markChosen();
}

function focusRow(id) {
  focused = id;
  markChosen();
  rows.rows.get(id)?.box.focus();
}

list.addEventListener("click", (event) => {
  const id = event.target.closest(".row")?.dataset.id;
  if (!id) return;
  focusRow(id);
  if (event.target.closest(".row-choose") || event.ctrlKey || event.metaKey) choose(id);
  else if (event.shiftKey) chooseThrough(id);
  else show(opened === id ? null : id);
});
list.addEventListener("focusin", (event) => {
  const id = event.target.closest(".row")?.dataset.id;
  if (id) focused = id;
});
for (const kind of ["pointerdown", "pointerup", "pointercancel"]) {
  list.addEventListener(kind, () => {
    held = kind === "pointerdown";
    if (!held) setTimeout(draw, 0);
  });
}
addEventListener("pointerup", () => (held = false));

function order() {
  return [...list.querySelectorAll(".row")].map((row) => row.dataset.id);
}

function chooseThrough(id) {
  const ids = order();
  const from = Math.max(0, ids.findIndex((one) => chosen.has(one)));
  const to = ids.indexOf(id);
  ids.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((one) => chosen.add(one));
  markChosen();
}

function step(by) {
  const ids = order();
  if (!ids.length) return;
  const at = ids.indexOf(focused);
  const to = ids[Math.min(ids.length - 1, Math.max(0, list.contains(document.activeElement) ? at + by : Math.max(at, 0)))];
  focusRow(to);
  if (opened !== null) show(to);
}

// As lists do: Shift with an arrow goes on choosing, Ctrl with a chooses all that is shown.
function choosesMany(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.shiftKey && by) {
    if (focused) chosen.add(focused);
    step(by);
    if (focused) chosen.add(focused);
  } else if ((event.ctrlKey || event.metaKey) && event.key === "a") {
    order().forEach((id) => chosen.add(id));
  } else return false;
  event.preventDefault();
  markChosen();
  return true;
}

const KEYS = {
  j: () => step(1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  ArrowUp: () => step(-1),
  " ": () => focused && choose(focused),
  Enter: () => focused && show(opened === focused ? null : focused),
  a: () => open("acknowledge", picked()),
  A: acknowledgeAtOnce,
  s: () => open("shelve", picked()),
  m: () => horn.silence(),
  "/": () => {
    $("narrowing").open = true;
    filter.elements.text.focus();
  },
  "?": () => {
    const help = document.querySelector(".sound");
    help.open = !help.open;
    help.scrollIntoView({ block: "end" });
  },
  Escape: () => (opened !== null ? show(null) : clear()),
};
document.addEventListener("keydown", (event) => {
  if (event.altKey || document.querySelector("dialog[open]")) return;
  const isWriting = event.target.closest("input, select, textarea");
  if (!isWriting && shownList !== "past" && choosesMany(event)) return;
  if (event.ctrlKey || event.metaKey) return;
  if (event.target.closest("input, select, textarea, summary") || (event.target.closest("button, a") && ["Enter", " "].includes(event.key) && !event.target.closest(".row-choose"))) return;
  const does = shownList === "past" && !["/", "?", "m"].includes(event.key) ? null : KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

// What is shown, in the address too

const KEPT = ["text", "unit", "priority", "state", "class", "batch", "sort", "group", "person", "start", "end"];

function fillChoices() {
  for (const [name, of] of [["unit", "unit"], ["class", "class"], ["batch", "batch"]]) {
    const select = filter.elements[name];
    const values = [...new Set([...told.alarms.map((alarm) => alarm[of]), wantedValue(select)].filter(Boolean))].sort();
    if (select.dataset.has === values.join("\n")) continue;
    const before = wantedValue(select);
    select.dataset.has = values.join("\n");
    select.replaceChildren(select.options[0], ...values.map((value) => element("option", { value }, value)));
    select.value = before;
  }
}
const wantedValue = (select) => select.value || select.dataset.wanted || "";

function set(values) {
  for (const [name, value] of Object.entries(values)) filter.elements[name].value = value;
  changed();
}

function changed() {
  const asked = filtering();
  const query = new URLSearchParams(KEPT.filter((name) => asked[name] && !(name === "sort" && asked.sort === "need")).map((name) => [name, asked[name]]));
  if (shownList !== "open") query.set("list", shownList);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  for (const field of filter.querySelectorAll("[data-of]")) field.hidden = (field.dataset.of === "past") !== (shownList === "past");
  const isPast = shownList === "past";
  $("past").hidden = !isPast;
  list.hidden = isPast;
  empty.hidden = isPast;
  for (const button of document.querySelectorAll("[data-list]")) button.setAttribute("aria-pressed", String(button.dataset.list === shownList));
  showByDesign();
  if (isPast) {
    show(null);
    note.textContent = "";
    past.show(asked);
  }
  draw();
}

let typing = null;
filter.addEventListener("input", () => {
  for (const select of filter.querySelectorAll("select")) select.dataset.wanted = "";
  clearTimeout(typing);
  typing = setTimeout(changed, shownList === "past" ? 400 : 60);
});
filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("reset", () => setTimeout(changed, 0));
for (const button of document.querySelectorAll("[data-list]")) {
  button.addEventListener("click", () => {
    showList(button.dataset.list);
  });
}

function showList(name) {
  shownList = name;
  clear();
  changed();
}

const begun = new URLSearchParams(location.search);
for (const name of KEPT.filter((one) => begun.get(one))) {
  filter.elements[name].value = begun.get(name);
  filter.elements[name].dataset.wanted = begun.get(name);
}
if (begun.get("list") in LISTS || begun.get("list") === "past") shownList = begun.get("list");
if (KEPT.some((one) => begun.get(one)) && matchMedia("(min-width: 70rem)").matches) $("narrowing").open = true;

// The horn's settings

$("horn-worst").value = horn.mind.isOn ? String(horn.mind.worstOf) : "0";
$("horn-worst").addEventListener("change", ({ target }) => horn.set(target.value === "0" ? { isOn: false } : { isOn: true, worstOf: Number(target.value) }));
$("horn-loss").checked = horn.mind.tellsLoss;
$("horn-loss").addEventListener("change", ({ target }) => horn.set({ tellsLoss: target.checked }));
for (const button of document.querySelectorAll("[data-hear]")) button.addEventListener("click", () => horn.sound(PATTERNS[button.dataset.hear]));

// Living

listen("/v1/stream?tags=", (event, data) => {
  connection.heard(event, data);
  if (event === "alarm" || event === "cut") [wantAlarms, wantFlood].forEach((want) => want());
});
setInterval(() => {
  const nowMs = connection.nowMs;
  if (nowMs === null || connection.isStale || document.hidden) return;
  rows.pass(nowMs);
  if (opened !== null && byId.has(opened)) detail.pass(byId.get(opened), nowMs);
}, 1000);
setInterval(() => [wantAlarms, wantFlood, wantByDesign].forEach((want) => want()), 5000);
changed();
wantAlarms();
wantFlood();
wantByDesign();
