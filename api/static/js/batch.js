// One batch: where its phases stand in time, and times as people read them.

import { exactMoments } from "./alarms.js";
import { Connection } from "./connection.js";
import { listen } from "./stream.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
exactMoments(document);

for (const bar of document.querySelectorAll(".phase-bar")) {
  bar.style.left = `${bar.dataset.left}%`;
  bar.style.width = `${bar.dataset.width}%`;
}
for (const one of document.querySelectorAll(".kin [data-depth]")) {
  one.style.marginLeft = `${(Number(one.dataset.depth) - 1) * 1.25}rem`;
}

listen("/v1/stream?tags=", (event, told) => connection.heard(event, told));
