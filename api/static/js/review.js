// The review of a batch: dispositions of what is open, the report as files, and the signature.

import "./head.js";
import { root } from "./here.js";
import { send, sign, signIn } from "./session.js";

const review = document.getElementById("review");
const said = document.getElementById("review-said");
const path = `/v1/batches/${encodeURIComponent(review.dataset.batch)}`;

// Runs what a person asked for; what went wrong is said in the service's words.
async function act(button, work) {
  button.disabled = true;
  said.textContent = "…";
  try {
    said.textContent = (await work()) ?? "";
  } catch (problem) {
    said.textContent = problem.message;
    said.scrollIntoView({ block: "nearest" });
  }
  button.disabled = false;
}

async function take(form) {
  let response = await fetch(`${root}${path}/report.${form}`);
  if (response.status === 401 && (await signIn("A copy of the report is noted under a name."))) {
    response = await fetch(`${root}${path}/report.${form}`);
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? `the service answered ${response.status}`);
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${review.dataset.batch}.${form}`;
  link.click();
  URL.revokeObjectURL(link.href);
  return `${link.download} is written; it is noted in the audit trail.`;
}

for (const button of review.querySelectorAll("[data-form]")) {
  button.addEventListener("click", () => act(button, () => take(button.dataset.form)));
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
  act(event.submitter, async () => {
    await send(`${path}/dispositions`, body);
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
  act(event.submitter, async () => {
    await sign(`${path}/review`, body);
    location.reload();
  });
});
