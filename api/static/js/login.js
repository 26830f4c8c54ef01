// The login's page: signs in, and goes back to where somebody came from.

import { post } from "./ask.js";
import { root } from "./here.js";
import { loginForm, session, took } from "./session.js";

// Only a path of this service: a link from elsewhere cannot send people on to another site.
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const there = new URL(root + (wanted.startsWith("/") ? wanted : "/"), location.origin);
  return there.origin === location.origin ? there.href : `${root}/`;
}

const place = document.getElementById("login");
const onward = () => location.replace(next());
const { form, first } = loginForm("", onward);
place.append(form);
first.focus();

const link = location.hash.slice(1);
if (link) {
  history.replaceState(null, "", location.pathname + location.search);
  try {
    took(await post("/v1/one-time/use", { link }));
    onward();
  } catch (error) {
    form.querySelector(".form-fault").textContent = error.message;
  }
} else {
  const told = await session();
  if (told.person && !told.locked) onward();
}
