// What a link in a message shows. Acknowledging by it is a POST by a person; opening it is nothing.

import "./head.js";
import { exactMoments } from "./alarms.js";
import { send } from "./ask.js";
import { forget, keep, token } from "./token.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const form = document.getElementById("answer");
const field = (name) => document.getElementById(name);
exactMoments(document);

function wantToken() {
  field("token-label").hidden = false;
  field("token").required = true;
}

async function acknowledge(event) {
  event.preventDefault();
  if (field("token").value) keep(field("token").value.trim());
  field("go").disabled = true;
  field("fault").textContent = "";
  try {
    const said = { comment: field("comment").value, shown: form.dataset.shown };
    await send(`/v1/ack/${plan.token}`, token() ?? "", said);
    location.reload();
  } catch (refusal) {
    field("go").disabled = false;
    field("fault").textContent = refusal.message;
    if (refusal.status === 401) {
      forget();
      wantToken();
      field("token").value = "";
      field("token").focus();
    }
    if (refusal.status === 409) setTimeout(() => location.reload(), 4000); // it is no longer what was shown
  }
}

if (form) {
  if (token() === null) wantToken();
  form.addEventListener("submit", acknowledge);
}
