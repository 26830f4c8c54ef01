// The review of a batch: dispositions of what is open, the report as files, and the signature.

import { exactMoments } from "./alarms.js";
import { send } from "./ask.js";
import { Connection } from "./connection.js";
import { root } from "./here.js";
import { listen } from "./stream.js";
import { forget, keep, token } from "./token.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
const review = document.getElementById("review");
const said = document.getElementById("review-said");
const path = `/v1/batches/${encodeURIComponent(review.dataset.batch)}`;
exactMoments(document);
listen("/v1/stream?tags=", (event, told) => connection.heard(event, told));

function someToken() {
  const known = token() ?? window.prompt("Your personal token");
  if (known) keep(known);
  return known;
}

// Runs what a person asked for; what went wrong is said in the service's words.
async function act(button, work) {
  const secret = someToken();
  if (!secret) return;
  button.disabled = true;
  said.textContent = "…";
  try {
    said.textContent = (await work(secret)) ?? "";
  } catch (problem) {
    if (problem.status === 401) forget();
    said.textContent = problem.message;
    said.scrollIntoView({ block: "nearest" });
  }
  button.disabled = false;
}

async function take(form, secret) {
  const response = await fetch(`${root}${path}/report.${form}`, { headers: { Authorization: `Bearer ${secret}` } });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail ?? `the service answered ${response.status}`), { status: response.status });
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${review.dataset.batch}.${form}`;
  link.click();
  URL.revokeObjectURL(link.href);
  return `${link.download} is written; it is noted in the audit trail.`;
}

for (const button of review.querySelectorAll("[data-form]")) {
  button.addEventListener("click", () => act(button, (secret) => take(button.dataset.form, secret)));
}

const disposition = document.getElementById("disposition");
disposition?.addEventListener("submit", (event) => {
  event.preventDefault();
  const marked = [...disposition.querySelectorAll("input[name=item]:checked")];
  if (!marked.length) {
    said.textContent = "Mark what the disposition is for.";
    return;
  }
  const items = marked.map((each) => ({ item: each.value, version: Number(each.dataset.version) }));
  const fields = new FormData(disposition);
  const body = { items, class: fields.get("class"), comment: fields.get("comment"), number: fields.get("number") };
  act(event.submitter, async (secret) => {
    await send(`${path}/dispositions`, secret, body);
    location.reload();
  });
});

document.getElementById("review-all")?.addEventListener("click", () => {
  for (const each of disposition.querySelectorAll("input[name=item]")) each.checked = true;
});

const signing = document.getElementById("signing");
signing.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(signing);
  const body = { sha256: review.dataset.sha256, secret: fields.get("secret"), reason: fields.get("reason") };
  act(event.submitter, async (secret) => {
    await send(`${path}/review`, secret, body);
    location.reload();
  });
});
