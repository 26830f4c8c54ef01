// The personal token: asked for once, kept in this tab only, forgotten after a quarter of an hour without use.

import { root } from "./here.js";

// Two services may share a host by their prefixes: neither is told the other's token.
const KEY = `thermowell.token${root}`;
const USED = `thermowell.token.used${root}`;
const IDLE_MS = 15 * 60e3;
const button = document.getElementById("forget-token");

export function token() {
  const used = Number(sessionStorage.getItem(USED) ?? 0);
  if (Date.now() - used > IDLE_MS) forget();
  return sessionStorage.getItem(KEY);
}

export function keep(text) {
  sessionStorage.setItem(KEY, text);
  sessionStorage.setItem(USED, String(Date.now()));
  button.hidden = false;
}

export function forget() {
  sessionStorage.removeItem(KEY);
  button.hidden = true;
}

button.addEventListener("click", forget);
button.hidden = token() === null;
