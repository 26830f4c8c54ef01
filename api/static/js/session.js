// Who is signed in; signing in without leaving the page, so that nothing typed is lost; writes by the session.

import { ask, post, Refusal } from "./ask.js";
import { root } from "./here.js";

const USED_EVERY_MS = 60e3;
const LOOK_EVERY_MS = 60e3;

let known = null; // as GET /v1/session told last
let asking = null; // the dialog that is open, as a promise of whether somebody signed in
let usedAt = 0;

export async function session() {
  known ??= await ask("/v1/session");
  return known;
}

export function took(told) {
  known = { ...known, proof: "password", ...told };
  usedAt = Date.now();
  show();
}

async function renew() {
  known = null;
  await session();
  show();
}

// Does something as the person who is signed in; asks for the login where it is missing or has lapsed, and then goes on.
export async function signedIn(work) {
  let isRenewed = false;
  for (;;) {
    const { csrf } = await session();
    try {
      const told = await work(csrf);
      usedAt = Date.now();
      return told;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const isForeign = error.status === 403 && error.parameter === "X-CSRF-Token";
      if (isForeign && !isRenewed) {
        isRenewed = true; // another tab has signed in meanwhile
        await renew();
      } else if (error.status !== 401 || error.parameter !== "Authorization" || !(await signIn(known?.person ? error.message : ""))) {
        throw error; // to nobody yet, the problem's words speak of tokens: those are for programs
      }
    }
  }
}

// Writes as the person who is signed in.
export function send(path, body, method = "POST") {
  return signedIn((csrf) => post(path, body, { csrf, method }));
}

// Signs. Who has no password that is known here proves themselves at the site's login, in a window beside the page, for
// exactly this; then it is asked for once more. Nothing that was typed is lost.
export async function sign(path, body) {
  try {
    return await send(path, body);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401 || error.parameter !== "proof") throw error;
  }
  await provenBeside();
  return send(path, body);
}

export const beside = () => new BroadcastChannel(`thermowell proof ${root}`);

async function provenBeside() {
  const { provider } = await session();
  let { url } = await send("/v1/session/proof", {});
  await new Promise((resolve, reject) => {
    const heard = beside();
    const fault = part("div", { class: "form-fault", role: "alert" });
    const go = part("button", { type: "button", class: "press" }, `Prove it by ${provider}`);
    const cancel = part("button", { type: "button", class: "press press-plain" }, "Cancel");
    const words = part("p", { class: "note" }, "A signature needs proof at its moment that it is you. It opens in a window of its own; what is typed here stays, and is signed once you have proven it.");
    const dialog = part(
      "dialog",
      { class: "dialog", "aria-label": "Prove that it is you" },
      part("div", { class: "dialog-head" }, "Prove that it is you"),
      part("div", { class: "dialog-body" }, part("div", { class: "form" }, words, fault, part("div", { class: "form-buttons" }, go, cancel))),
    );
    const end = (then) => {
      heard.close();
      dialog.close();
      dialog.remove();
      then();
    };
    const leave = () => end(() => reject(new Error("Nothing is signed.")));
    go.addEventListener("click", () => {
      fault.textContent = open(url, "_blank", "popup,width=560,height=760") ? "" : "The browser let no window open.";
    });
    heard.addEventListener("message", async ({ data }) => {
      if (data === "proven") {
        end(resolve);
        return;
      }
      fault.textContent = data; // the way there is used up: another one
      try {
        ({ url } = await send("/v1/session/proof", {}));
      } catch (error) {
        fault.textContent = error.message;
      }
    });
    cancel.addEventListener("click", leave);
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      leave();
    });
    document.body.append(dialog);
    dialog.showModal();
    go.focus();
  });
}

// Opens the login over the page; true once somebody is signed in, false where they would rather not.
export function signIn(why = "") {
  asking ??= askForLogin(why).finally(() => {
    asking = null;
  });
  return asking;
}

function part(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function field(label, attributes) {
  const input = part("input", { maxlength: "200", ...attributes });
  return [part("label", { class: "field" }, part("span", {}, label), input), input];
}

// A form for a name and a password; `done` is called once somebody is signed in.
export function loginForm(name, done, ...more) {
  const [nameField, nameInput] = field("Name", { autocomplete: "username", required: "", maxlength: "100", value: name });
  const [passwordField, password] = field("Password", { type: "password", autocomplete: "current-password", required: "" });
  const fault = part("div", { class: "form-fault", role: "alert" });
  const go = part("button", { type: "submit", class: "press" }, "Sign in");
  const form = part("form", { class: "form" }, nameField, passwordField, fault, part("div", { class: "form-buttons" }, go, ...more));
  offerProvider(form, fault);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    fault.textContent = "";
    try {
      took(await post("/v1/session", { name: nameInput.value.trim(), password: password.value }));
      done();
    } catch (error) {
      fault.textContent = error.message;
      password.value = "";
      password.focus();
    }
    go.disabled = false;
  });
  const first = name ? password : nameInput;
  return { form, first };
}

// Offers the site's own login, where there is one. It leaves the page, and comes back to where it was.
async function offerProvider(form, fault) {
  const told = await session().catch(() => null);
  if (told?.directory) form.prepend(part("p", { class: "note" }, `With your name and password of ${told.directory}, or with those that you have here.`));
  const title = told?.provider;
  if (!title) return;
  const other = part("button", { type: "button", class: "press" }, `Sign in by ${title}`);
  other.addEventListener("click", async () => {
    other.disabled = true;
    fault.textContent = "";
    const wanted = location.pathname === `${root}/login` ? (new URLSearchParams(location.search).get("next") ?? "/") : location.pathname.slice(root.length) + location.search;
    try {
      location.assign((await post("/v1/session/oidc", { next: wanted })).url);
    } catch (error) {
      fault.textContent = error.message;
      other.disabled = false;
    }
  });
  form.prepend(part("div", { class: "form-buttons" }, other));
}

async function askForLogin(why) {
  const told = await session().catch(() => null);
  return new Promise((resolve) => {
    const cancel = part("button", { type: "button", class: "press press-plain" }, "Cancel");
    const end = (isIn) => {
      dialog.close();
      dialog.remove();
      resolve(isIn);
    };
    const { form, first } = loginForm(told?.person?.name ?? "", () => end(true), cancel);
    const words = part("p", { class: "note" }, why || "What you do here bears your name.");
    const dialog = part(
      "dialog",
      { class: "dialog", "aria-label": "Sign in" },
      part("div", { class: "dialog-head" }, "Sign in"),
      part("div", { class: "dialog-body" }, words, form),
    );
    cancel.addEventListener("click", () => end(false));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      end(false);
    });
    document.body.append(dialog);
    dialog.showModal();
    first.focus();
  });
}

async function signOut() {
  try {
    const { csrf } = await session();
    await post("/v1/session", undefined, { csrf, method: "DELETE" });
  } finally {
    await renew();
  }
  if (!known.reading_open) location.assign(`${root}/login`);
}

function show() {
  for (const field of document.querySelectorAll("[data-password]")) {
    field.hidden = known?.proof === "provider";
    field.querySelector("input").required = !field.hidden;
  }
  const place = document.getElementById("who");
  if (!place || known === null) return;
  const press = (text, act, title) => {
    const button = part("button", { type: "button", class: "link", title }, text);
    button.addEventListener("click", act);
    return button;
  };
  const person = known.person;
  if (!person) {
    place.replaceChildren(press("Sign in", () => signIn(), "Look on without; actions bear a name"));
    return;
  }
  const account = part("a", { href: `${root}/account`, title: `${person.role}: password and sessions` }, person.full_name || person.name);
  const out = press("Sign out", signOut, "The display goes on");
  const locked = press("actions locked", () => signIn("Nobody has used this page for a while. The display goes on; actions ask for the password."), "Give the password again");
  place.replaceChildren(account, ...(known.locked ? [locked] : []), out);
}

// That somebody is there is told at most once a minute, and only for a hand on the page: a display alone lets it lapse.
async function touched() {
  if (!known?.person || known.locked || Date.now() - usedAt < USED_EVERY_MS) return;
  usedAt = Date.now();
  try {
    await post("/v1/session/used", {}, { csrf: known.csrf });
  } catch {
    await renew().catch(() => {}); // the next look tells; nothing is lost by not knowing now
  }
}

for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, touched, { passive: true, capture: true });
setInterval(() => {
  if (known?.person && !asking) renew().catch(() => {}); // away: the head of the page says so
}, LOOK_EVERY_MS);
session().then(show, () => {});
