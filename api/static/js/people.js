// Accounts for who manages them: made, disabled, unlocked, given a role; each with a reason, which is kept.

import { ask } from "./ask.js";
import { element, momentElement } from "./format.js";
import { root } from "./here.js";
import { send, signedIn } from "./session.js";
import { sessionRows } from "./sessions.js";

const said = document.getElementById("said");
const dialog = document.getElementById("why");
const why = dialog.querySelector("form");

// Asks for the reason, and does it; what is refused is said in the dialog, where it can be put right.
function because(title, work, { role = null } = {}) {
  document.getElementById("why-heading").textContent = title;
  document.getElementById("why-role").hidden = role === null;
  // One's own role is no other one: nothing is chosen until somebody chooses.
  for (const option of why.elements.role.options) option.disabled = option.value === role;
  why.elements.role.required = role !== null;
  why.elements.role.value = "";
  why.elements.reason.value = "";
  const fault = why.querySelector(".form-fault");
  fault.textContent = "";
  why.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await work(Object.fromEntries(new FormData(why)));
      dialog.close();
      await read();
    } catch (error) {
      fault.textContent = error.message;
    }
  };
  why.querySelector(".press-plain").onclick = () => dialog.close();
  dialog.showModal();
  why.elements.reason.focus();
}

function showLink(name, link) {
  if (!link) return;
  const address = new URL(root + link, location.origin).href;
  const shown = element("input", { readonly: "", value: address, "aria-label": "The link" });
  said.replaceChildren(
    element("p", {}, `Give this link to ${name}: good for a day, once. It is not shown again.`),
    element("div", { class: "field" }, shown),
  );
  shown.select();
}

function buttons(one) {
  const path = `/v1/people/${encodeURIComponent(one.name)}`;
  const press = (text, title, work, more) => {
    const button = element("button", { type: "button", class: "press press-plain" }, text);
    button.addEventListener("click", () => because(`${title} ${one.name}`, work, more));
    return button;
  };
  const plain = (verb) => ({ reason }) => send(`${path}/${verb}`, { reason });
  if (one.state === "disabled") return [press("Enable", "Enable", plain("enable"))];
  const reset = async ({ reason }) => showLink(one.name, (await send(`${path}/reset`, { reason })).link);
  return [
    ...(one.state === "locked" ? [press("Unlock", "Unlock", plain("unlock"))] : []),
    press("Role", "Another role for", ({ role, reason }) => send(`${path}/role`, { role, reason }), { role: one.role }),
    ...(one.role === "service" ? [] : [press("New password", "A link to choose a password for", reset)]),
    press("Disable", "Disable", plain("disable")),
  ];
}

function row(one) {
  const cell = (label, ...content) => element("td", { "data-label": label }, ...content);
  const state = one.state === "active" && !one.has_password && one.role !== "service" ? "active, no password yet" : one.state;
  return element(
    "tr",
    {},
    cell("Name", element("strong", {}, one.name)),
    cell("Full name", one.full_name),
    cell("Role", one.role),
    cell("State", state, ...(one.locked_until_ms ? [" until ", momentElement(one.locked_until_ms)] : [])),
    cell("Since", momentElement(one.created_ms)),
    cell("", element("div", { class: "form-buttons" }, ...buttons(one))),
  );
}

async function read() {
  const { people } = await signedIn(() => ask("/v1/people", { time: "ms" }));
  const { sessions } = await ask("/v1/people/sessions", { time: "ms" });
  document.getElementById("people").replaceChildren(...people.map(row));
  const end = (one) => because(`End the session of ${one.name}`, ({ reason }) => send(`/v1/people/sessions/${one.id}/end`, { reason }));
  document.getElementById("sessions").replaceChildren(...sessionRows(sessions, end));
}

const add = document.getElementById("add");
add.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = add.querySelector(".form-fault");
  fault.textContent = "";
  const fields = Object.fromEntries(new FormData(add));
  try {
    const { link } = await send("/v1/people", fields);
    showLink(fields.name, link);
    add.reset();
    await read();
  } catch (error) {
    fault.textContent = error.message;
  }
});

read().catch((error) => {
  document.getElementById("people-fault").textContent = error.message;
});
