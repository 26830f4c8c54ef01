// What a person does to alarms: the words are asked for in one dialog, the answers come back alarm by alarm.
// Who the person is stands behind `send`; nothing else here knows of it.

import { clockTime, element } from "./format.js";
import { send } from "./session.js";
import { shapeOf } from "./shape.js";

export const DEEDS = {
  acknowledge: { words: "Acknowledge", asks: "What you saw or did" },
  shelve: { words: "Shelve", asks: "Why it is put away", hasEnd: true },
  unshelve: { words: "Unshelve", asks: "Why it is taken back" },
  comment: { words: "Comment", asks: "What is to be kept" },
  "out-of-service": { words: "Out of service", asks: "Why, and until when in words (permit, work order)" },
  "return-to-service": { words: "Back into service", asks: "What was done" },
  reset: { words: "Reset the latch", asks: "What you made sure of" },
};
const SPANS = [
  ["15 min", 15],
  ["1 h", 60],
  ["4 h", 240],
  ["8 h", 480],
  ["24 h", 1440],
];
const MANY = 500;
const NAMED = 60;

// Does a deed with given words; returns the answers of all alarms.
export async function act(deed, alarms, comment, until = null) {
  const answers = [];
  for (let at = 0; at < alarms.length; at += MANY) {
    const ids = alarms.slice(at, at + MANY).map((alarm) => alarm.id);
    const told = await send(`/v1/alarms/${deed}`, { ids, comment, ...(until === null ? {} : { until }) });
    answers.push(...told.answers);
  }
  return answers;
}

// Asks for the words and does it. `nowMs`: the plant's time, which ends of shelves are counted from.
export function openDeed(deed, alarms, { nowMs, standard = null, shelfEndsMs = null, done = () => {} }) {
  const { words, asks, hasEnd } = DEEDS[deed];
  const before = document.activeElement;
  const comment = element("textarea", { name: "comment", maxlength: "2000", required: "", rows: "2" });
  const fault = element("div", { class: "form-fault", role: "alert" });
  const go = element("button", { type: "submit", class: "press" }, alarms.length > 1 ? `${words}: ${alarms.length} alarms` : words);
  const cancel = element("button", { type: "button", class: "press press-plain" }, "Cancel");
  const list = element("ul", { class: "deed-alarms" });
  showAlarms(list, alarms);
  let until = hasEnd ? nowMs + 3600e3 : null;
  const spans = hasEnd ? endChoice(nowMs, shelfEndsMs, (ms) => (until = ms)) : null;
  const oneKey = standard && element("button", { type: "button", class: "press press-plain" }, `“${standard}”`);
  oneKey?.addEventListener("click", () => {
    comment.value = standard;
    form.requestSubmit();
  });
  const form = element(
    "form",
    { class: "form" },
    spans,
    element("label", { class: "field" }, element("span", {}, asks), comment),
    oneKey,
    fault,
    element("div", { class: "form-buttons" }, go, cancel),
  );
  const head = alarms.length > 1 ? `${words} ${alarms.length} alarms, with one comment` : words;
  const dialog = element(
    "dialog",
    { class: "dialog", "aria-label": head },
    element("div", { class: "dialog-head" }, element("span", {}, head)),
    element("div", { class: "dialog-body" }, list, form),
  );
  const close = () => dialog.close();
  cancel.addEventListener("click", close);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.isConnected && before.focus();
  });
  comment.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    fault.textContent = "";
    try {
      const answers = await act(deed, alarms, comment.value, until === null ? null : new Date(until).toISOString());
      done(answers);
      const failed = answers.filter((one) => one.outcome !== "done");
      if (!failed.length) return close();
      alarms = alarms.filter((alarm) => failed.some((one) => one.alarm === alarm.id && one.outcome === "refused"));
      showAnswers(list, failed);
      fault.textContent = `${answers.length - failed.length} done, ${failed.length} not: each says why.`;
      go.hidden = !alarms.length;
      cancel.textContent = "Close";
    } catch (error) {
      fault.textContent = error.name === "TimeoutError" || error instanceof TypeError ? `The service does not answer: nobody knows whether it was done. ${error.message}` : error.message;
    }
    go.disabled = false;
  });
  document.body.append(dialog);
  dialog.showModal();
  comment.focus();
}

function showAlarms(list, alarms) {
  const rows = alarms.slice(0, NAMED).map((alarm) => element("li", {}, shapeOf(alarm.priority), alarm.message));
  if (alarms.length > NAMED) rows.push(element("li", {}, `and ${alarms.length - NAMED} more`));
  list.replaceChildren(...rows);
}

const OUTCOMES = { already: "was so already", unknown: "is not there", refused: "was refused", waiting: "waits: the service has not applied it yet" };

function showAnswers(list, failed) {
  list.replaceChildren(...failed.map((one) => element("li", { class: one.outcome === "refused" ? "is-refused" : null }, one.detail || `${one.alarm} ${OUTCOMES[one.outcome]}`)));
}

function endChoice(nowMs, shelfEndsMs, chose) {
  const limitMs = shelfEndsMs ?? nowMs + 24 * 3600e3;
  const box = element("div", { class: "spans", role: "group", "aria-label": "Until when" });
  const spans = SPANS.map(([words, minutes]) => [words, nowMs + minutes * 60e3]).filter(([, ms]) => ms <= limitMs);
  const all = spans.length ? spans : [[`until ${clockTime(limitMs, false)}`, limitMs]];
  const press = (button, ms) => {
    chose(ms - 1000); // a second before the longest: the plant's clock goes on while one types
    box.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
  };
  box.className = "choice spans";
  for (const [words, ms] of all) {
    const button = element("button", { type: "button", "aria-pressed": "false", title: `until ${clockTime(ms, false)}` }, words);
    button.addEventListener("click", () => press(button, ms));
    box.append(button);
  }
  const first = Math.min(1, all.length - 1);
  press(box.children[first], all[first][1]);
  return element("div", { class: "field" }, element("span", {}, "For how long; a shelf always ends"), box);
}
