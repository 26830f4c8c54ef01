// Range changes: each step is signed; the page is shown anew after it, and when another person signs in.

import "./head.js";
import { ask } from "./ask.js";
import { session, sign } from "./session.js";
import { plantClock } from "./zone.js";

const LOOK_EVERY_MS = 2000;
const page = document.getElementById("ranges");
const said = document.getElementById("ranges-said");

async function act(form, button, work) {
  button.disabled = true;
  said.textContent = "…";
  try {
    const told = await work();
    if (told.outcome === "waiting") {
      said.textContent = "It is signed and asked for; the core has not answered yet. Look again in a moment.";
      said.scrollIntoView({ block: "nearest" });
      return;
    }
    location.reload();
  } catch (problem) {
    said.textContent = problem.message;
    said.scrollIntoView({ block: "nearest" });
    button.disabled = false;
    const secret = form.elements.namedItem("secret");
    if (secret) secret.value = "";
  }
}

for (const form of page.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    const { proposal, sha256 } = form.closest("section").dataset;
    const fields = Object.fromEntries(new FormData(form));
    const { reason, secret } = fields;
    if (form.dataset.product) {
      act(form, button, () => sign("/v1/ranges", { product: form.dataset.product, reason, secret }));
      return;
    }
    const step = button.dataset.step;
    const body = { reason, secret, sha256 };
    if (step === "approve" && fields.valid_from) body.valid_from = new Date(plantClock.read(fields.valid_from)).toISOString();
    act(form, button, () => sign(`/v1/ranges/${encodeURIComponent(proposal)}/${step}`, body));
  });
}

function lasting(ns) {
  return ns ? `outside ${Math.max(1, Math.round(ns / 1e9))} s` : "inside";
}

async function weigh(button, place) {
  button.disabled = true;
  place.textContent = "Looking at the record…";
  try {
    const told = await ask(`/v1/ranges/${encodeURIComponent(button.dataset.impact)}/impact`);
    place.textContent = `${told.runs} phase runs: ${told.otherwise.length} ranges would have said otherwise.`;
    const list = document.createElement("ul");
    for (const each of told.otherwise.slice(0, 200)) {
      const line = document.createElement("li");
      const change = `${lasting(each.before_ns)} as judged, ${lasting(each.after_ns)} by the proposal`;
      line.textContent = `${each.batch || "–"}, ${each.phase}, ${each.tag} ${each.rule}: ${change}`;
      list.append(line);
    }
    place.append(list);
  } catch (problem) {
    place.textContent = `${problem.message} (thermowell ranges impact has no such limit)`;
  }
  button.disabled = false;
}

for (const button of page.querySelectorAll("[data-impact]")) {
  button.addEventListener("click", () => weigh(button, button.closest("section").querySelector(".range-impact")));
}

// Whoever signs in at the head of the page is shown what is theirs.
setInterval(async () => {
  const told = await session().catch(() => null);
  if (told && (told.person?.name ?? "") !== page.dataset.person) location.reload();
}, LOOK_EVERY_MS);
