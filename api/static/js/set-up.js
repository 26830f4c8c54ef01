// What a one-time link is there for: the first administrator, or a password. The link's secret stays behind the `#`,
// which no browser sends, so that no proxy writes it into its log.

import { post } from "./ask.js";
import { root } from "./here.js";
import { field, took } from "./session.js";

const place = document.getElementById("set-up");
const link = location.hash.slice(1);

function says(text) {
  const words = document.createElement("p");
  words.textContent = text;
  place.replaceChildren(words);
}

function form(told) {
  const made = document.createElement("form");
  made.className = "form";
  const isFirst = told.purpose === "set_up";
  const name = field("Name, to sign in with", { autocomplete: "username", required: "", maxlength: "100", value: told.name });
  const fullName = field("Full name, as signatures print it", { autocomplete: "name", maxlength: "100" });
  const password = field("Password: at least 12 characters; several words are easy to remember", {
    type: "password",
    autocomplete: "new-password",
    minlength: "12",
    required: "",
  });
  const again = field("The same password again", { type: "password", autocomplete: "new-password", required: "" });
  name[1].readOnly = !isFirst;
  const fault = document.createElement("div");
  fault.className = "form-fault";
  fault.setAttribute("role", "alert");
  const go = document.createElement("button");
  go.className = "press";
  go.textContent = isFirst ? "Make the first administrator" : "Keep this password";
  made.append(name[0], ...(isFirst ? [fullName[0]] : []), password[0], again[0], fault, go);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.textContent = password[1].value === again[1].value ? "" : "These are two passwords.";
    if (fault.textContent) return;
    go.disabled = true;
    try {
      const more = isFirst ? { name: name[1].value.trim(), full_name: fullName[1].value.trim() } : {};
      took(await post("/v1/one-time/use", { link, password: password[1].value, ...more }));
      location.replace(isFirst ? `${root}/people` : `${root}/`);
    } catch (error) {
      fault.textContent = error.message;
    }
    go.disabled = false;
  });
  return made;
}

history.replaceState(null, "", location.pathname);
if (link) {
  try {
    const told = await post("/v1/one-time/look", { link });
    const made = form(told);
    place.replaceChildren(made);
    made.querySelector("input:not([readonly])").focus();
  } catch (error) {
    says(error.message);
  }
} else {
  says("This page needs a one-time link. The service prints one at its first start; later, an administrator makes one.");
}
