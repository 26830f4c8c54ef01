// The hand-over: notes, taking over, printing. What is read was told when the page was made; reading again makes it anew.

import "./head.js";
import { send } from "./session.js";

const page = document.getElementById("handover");

function sends(id, path, more) {
  const form = document.getElementById(id);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fault = form.querySelector(".form-fault");
    const go = form.querySelector("[type=submit]");
    go.disabled = true;
    fault.textContent = "";
    try {
      await send(path, { ...Object.fromEntries(new FormData(form)), ...more() });
      location.reload();
    } catch (error) {
      fault.textContent = error.message;
    }
    go.disabled = false;
  });
}

sends("note", "/v1/handover/notes", () => ({}));
sends("take-over", "/v1/handover/taken-over", () => ({ hash: page.dataset.hash }));
document.getElementById("again").addEventListener("click", () => location.reload());
document.getElementById("print").addEventListener("click", () => print());
