// What a link in a message shows. Acknowledging by it is a POST by a person; opening it is nothing.

import "./head.js";
import { exactMoments } from "./alarms.js";
import { send } from "./session.js";
import { shapeOf } from "./shape.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const form = document.getElementById("answer");
const field = (name) => document.getElementById(name);
exactMoments(document);

async function acknowledge(event) {
  event.preventDefault();
  field("go").disabled = true;
  field("fault").textContent = "";
  try {
    const said = { comment: field("comment").value, shown: form.dataset.shown };
    await send(`/v1/ack/${plan.token}`, said);
    location.reload();
  } catch (refusal) {
    field("go").disabled = false;
    field("fault").textContent = refusal.message;
    if (refusal.status === 409) setTimeout(() => location.reload(), 4000); // it is no longer what was shown
  }
}

const mark = field("shape");
mark?.replaceChildren(shapeOf(Number(mark.dataset.priority), { isCalm: mark.dataset.calm === "yes" }));
form?.addEventListener("submit", acknowledge);
