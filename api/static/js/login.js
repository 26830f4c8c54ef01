// The login's page: signs in, and goes back to where somebody came from.

import { post } from "./ask.js";
import { root } from "./here.js";
import { beside, loginForm, session, took } from "./session.js";

// Only a path of this service: a link from elsewhere cannot send people on to another site.
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const there = new URL(root + (wanted.startsWith("/") ? wanted : "/"), location.origin);
  return there.origin === location.origin ? there.href : `${root}/`;
}

const place = document.getElementById("login");
const asked = new URLSearchParams(location.search);
const onward = () => location.replace(next());

const FAULTS = {
  away: "The site's login does not answer now. Who has a password here can sign in with it.",
  "no-place": "The site's login knows you, and you have no place here: no role, an account that is disabled, or a name that is somebody else's. An administrator can tell which: the audit trail says it.",
  "not-proven": "That login did not come to its end, or took too long. Sign in again.",
  "somebody-else": "Somebody else proved themselves there than who signs: nothing is signed.",
};
const fault = Object.hasOwn(FAULTS, asked.get("fault") ?? "") ? FAULTS[asked.get("fault")] : "";

// The window in which somebody proved themselves for a signature tells the page that asks for it.
const heard = beside();
if (asked.has("proven")) heard.postMessage("proven");
else if (fault) heard.postMessage(fault);
heard.close();

if (asked.has("proven")) {
  document.querySelector("h1").textContent = "It is proven that it is you";
  place.textContent = "The page that you came from goes on. This window can be closed.";
  window.close();
} else await enter();

async function enter() {
  const { form, first } = loginForm("", onward);
  place.append(form);
  first.focus();
  form.querySelector(".form-fault").textContent = fault;
  const link = location.hash.slice(1);
  if (link) {
    history.replaceState(null, "", location.pathname + location.search);
    try {
      took(await post("/v1/one-time/use", { link }));
      onward();
    } catch (error) {
      form.querySelector(".form-fault").textContent = error.message;
    }
  } else {
    const told = await session();
    if (told.person && !told.locked && !fault) onward();
  }
}
