// The audit trail: asked for with a filter, page by page; every text is put in as text.

import "./head.js";
import { Refusal } from "./ask.js";
import { element } from "./format.js";
import { root } from "./here.js";
import { signedIn } from "./session.js";
import { plantClock } from "./zone.js";

const form = document.getElementById("audit-form");
const rows = document.getElementById("audit-rows");
const empty = document.getElementById("audit-empty");
const fault = document.getElementById("audit-fault");
const more = document.getElementById("audit-more");
const SHOWN = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?$/;
let next = null;

// A time without a zone is by the plant's clock, as all that is shown; what is written in another way is left to the service.
function moment(text) {
  const shown = SHOWN.exec(text);
  return shown ? new Date(plantClock.read(`${shown[1]}T${shown[2] ?? "00:00"}`)).toISOString() : text;
}

function question() {
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) asked.set(name, ["start", "end"].includes(name) ? moment(value.trim()) : value);
  return asked;
}

function fetched(path, asked) {
  return signedIn(async () => {
    const response = await fetch(`${root}${path}?${asked}`, { signal: AbortSignal.timeout(60000) });
    if (response.ok) return response;
    throw new Refusal(response.status, await response.json().catch(() => ({})));
  });
}

function cell(label, ...children) {
  return element("td", { "data-label": label }, ...children);
}

function line(record) {
  const changed = record.old || record.new ? element("div", { class: "note" }, `${record.old || "–"} → ${record.new || "–"}`) : null;
  const about = [record.subject, record.batch ? `batch ${record.batch}` : ""].filter(Boolean).join(", ");
  const authoriser = record.authoriser ? element("div", { class: "note" }, `authorised by ${record.authoriser}`) : null;
  return element(
    "tr",
    { title: `hash ${record.hash}` },
    cell("No.", String(record.sequence)),
    cell("When", element("time", { datetime: record.at, title: `${record.local} (${record.zone})\n${record.at}` }, plantClock.moment(Date.parse(record.at)))),
    cell("Who", element("strong", {}, record.person), record.role ? ` (${record.role})` : "", authoriser),
    cell("Kind", record.kind),
    cell("What", element("strong", {}, about), about ? ": " : "", record.what, changed),
    cell("Why", record.comment ? element("span", { class: "said" }, record.comment) : null),
    cell("From", record.origin),
  );
}

async function show(isNew) {
  fault.textContent = "";
  const asked = question();
  if (!isNew && next) asked.set("before", next);
  try {
    const told = await (await fetched("/v1/audit", asked)).json();
    if (isNew) rows.replaceChildren();
    rows.append(...told.records.map(line));
    next = told.next;
    more.hidden = next === null;
    empty.hidden = rows.children.length > 0;
    empty.textContent = "No record answers this question.";
  } catch (error) {
    fault.textContent = error.message;
  }
}

async function save(kind) {
  fault.textContent = "";
  const asked = question();
  asked.set("format", kind);
  try {
    const response = await fetched("/v1/audit/export", asked);
    const address = URL.createObjectURL(await response.blob());
    element("a", { href: address, download: `audit.${kind}` }).click();
    URL.revokeObjectURL(address);
  } catch (error) {
    fault.textContent = error.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(true);
});
more.addEventListener("click", () => show(false));
for (const button of form.querySelectorAll("[data-export]")) button.addEventListener("click", () => save(button.dataset.export));
show(true);
