// Versions of the ranges: as the service told them when the page was made; the head shows whether it still answers.

import { exactMoments } from "./alarms.js";
import { Connection } from "./connection.js";
import { listen } from "./stream.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
exactMoments(document);
listen("/v1/stream?tags=", (event, told) => connection.heard(event, told));
