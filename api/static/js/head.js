// A page whose words were told when it was made: its head shows whether the service still answers, and still judges.

import { exactMoments } from "./alarms.js";
import { Connection } from "./connection.js";
import { listen } from "./stream.js";

const plan = JSON.parse(document.getElementById("plan").textContent);
const connection = new Connection(plan.speed);
exactMoments(document);
listen("/v1/stream?tags=", (event, told) => connection.heard(event, told));
