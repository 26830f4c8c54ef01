// Which alarms of the list are shown, in which order and groups: plain functions of alarms and of what was chosen.

export const LISTS = {
  open: (alarm) => !["SHLVD", "DSUPR", "OOSRV"].includes(alarm.state),
  shelved: (alarm) => Boolean(alarm.shelved_until_ms),
  suppressed: (alarm) => alarm.suppressed ?? alarm.state === "DSUPR",
  out_of_service: (alarm) => alarm.out_of_service ?? alarm.state === "OOSRV",
};

const RANKS = { UNACK: 0, RTNUN: 1, LATCH: 2, ACKED: 3 };
const rank = (alarm) => RANKS[alarm.state] ?? 4;
const newest = (one, other) => other.since_ms - one.since_ms || one.id.localeCompare(other.id);
const ORDERS = {
  need: (one, other) => (rank(one) > 0) - (rank(other) > 0) || one.priority - other.priority || rank(one) - rank(other) || newest(one, other),
  time: newest,
  unit: (one, other) => one.unit.localeCompare(other.unit) || ORDERS.need(one, other),
  state: (one, other) => rank(one) - rank(other) || ORDERS.need(one, other),
};

export function passes(alarm, { text, unit, priority, state, class: kind, batch }) {
  if (unit && alarm.unit !== unit) return false;
  if (priority && alarm.priority > Number(priority)) return false;
  if (state === "waiting" ? alarm.acknowledged : state && alarm.state !== state) return false;
  if (kind && alarm.class !== kind) return false;
  if (batch && alarm.batch !== batch) return false;
  if (!text) return true;
  const words = `${alarm.message} ${alarm.id} ${alarm.subject} ${alarm.unit} ${alarm.batch} ${alarm.phase}`.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((part) => words.includes(part));
}

// Those of a list that pass, in order, and how many of the list do not pass.
export function chosenOf(alarms, list, filter) {
  const all = alarms.filter(LISTS[list]);
  const shown = all.filter((alarm) => passes(alarm, list === "open" ? filter : { ...filter, state: "", class: "" }));
  shown.sort(ORDERS[filter.sort] ?? ORDERS.need);
  return { shown, hidden: all.length - shown.length };
}

// Groups in the order of their first alarm: `{ key, title, alarms }`; of an episode what came first
// stands first. `episodes`: alarm id → episode as the service tells.
export function groupsOf(shown, by, episodes = new Map()) {
  const groups = new Map();
  for (const alarm of shown) {
    const episode = by === "episode" ? episodes.get(alarm.id) : null;
    const key = by === "unit" ? `unit ${alarm.unit}` : episode ? `episode ${episode.id}` : "alone";
    const title = by === "unit" ? alarm.unit || "no unit" : episode ? `${episode.group}: ${episode.first_out.words} came first` : "by themselves";
    if (!groups.has(key)) groups.set(key, { key, title, episode, alarms: [] });
    groups.get(key).alarms.push(alarm);
  }
  for (const group of groups.values()) if (group.episode) group.alarms.sort((one, other) => (other.id === group.episode.first_out.alarm) - (one.id === group.episode.first_out.alarm));
  return [...groups.values()];
}
