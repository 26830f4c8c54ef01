// The list of sessions that run, for one person or for who manages all.

import { element, momentElement } from "./format.js";

export function sessionRows(sessions, end) {
  return sessions.map((one) => {
    const press = element("button", { type: "button", class: "press press-plain" }, one.this ? "Sign out here" : "End");
    press.addEventListener("click", () => end(one));
    const cell = (label, ...content) => element("td", { "data-label": label }, ...content);
    return element(
      "tr",
      {},
      cell("Name", one.name, one.this ? " (this browser)" : ""),
      cell("From", one.client),
      cell("Browser", one.agent),
      cell("Since", momentElement(one.created_ms)),
      cell("Last used", momentElement(one.used_ms)),
      cell("", press),
    );
  });
}
