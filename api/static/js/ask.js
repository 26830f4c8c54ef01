// Asks the HTTP interface; a refusal is an error with the problem's own words.

import { root } from "./here.js";

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `the service answered ${status}`);
    this.status = status;
    this.parameter = problem.parameter;
  }
}

async function answered(response) {
  if (response.ok) return response.json();
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not a problem document: the status must do.
  }
  throw new Refusal(response.status, problem);
}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const response = await fetch(root + (query ? `${path}?${query}` : path), { signal: AbortSignal.timeout(15000) });
  return answered(response);
}

// Writes; `csrf` is the word of the session that does it. Pages use `send` of session.js, which asks for a login.
export async function post(path, body, { csrf = null, method = "POST" } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const signal = AbortSignal.timeout(30000);
  return answered(await fetch(root + path, { method, headers, body: JSON.stringify(body), signal }));
}

// Runs a reading again and again when it is asked for, at most once per pause, and never twice at once.
export function calmly(read, pauseMs = 150) {
  let isWanted = false;
  let isRunning = false;
  async function run() {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      try {
        await read();
      } catch (error) {
        console.warn("reading failed, trying again:", error.message);
        isWanted = true;
        await new Promise((done) => setTimeout(done, 2000));
      }
      await new Promise((done) => setTimeout(done, pauseMs));
    }
    isRunning = false;
  }
  return () => {
    isWanted = true;
    if (!isRunning) run();
  };
}
