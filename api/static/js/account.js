// One's own password and sessions.

import { ask, post } from "./ask.js";
import { send, session, signedIn, took } from "./session.js";
import { sessionRows } from "./sessions.js";

const form = document.getElementById("password");
const fault = form.querySelector(".form-fault");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { password, new: fresh, again } = Object.fromEntries(new FormData(form));
  fault.textContent = fresh === again ? "" : "These are two passwords.";
  if (fault.textContent) return;
  try {
    const { csrf } = await session();
    took(await post("/v1/session/password", { password, new: fresh }, { csrf }));
    form.reset();
    fault.textContent = "Changed.";
    await read();
  } catch (error) {
    fault.textContent = error.message;
  }
});

// Whose password is kept elsewhere changes it there.
const { person, proof, provider, directory } = await session().catch(() => ({}));
if (person && proof !== "password") {
  form.hidden = true;
  form.nextElementSibling.textContent = `You sign in by ${(proof === "directory" ? directory : provider) ?? "another system"}: the password is changed there.`;
}

async function read() {
  const { sessions } = await signedIn(() => ask("/v1/sessions", { time: "ms" }));
  const rows = sessionRows(sessions, async (one) => {
    await send(`/v1/sessions/${one.id}`, undefined, "DELETE");
    if (one.this) location.reload();
    else await read();
  });
  document.getElementById("sessions").replaceChildren(...rows);
}

read().catch((error) => {
  fault.textContent = error.message;
});
