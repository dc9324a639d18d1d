// <div data-shown-when="type=cashback|gift">: shown, and its fields sent, only while the field `type` has one of these
// values. A box counts as "1" or "0", a field that is not shown itself as "". Several conditions, separated by spaces, must all
// hold; what they are about stands above.

import { onPage } from "./page.js";

const valueOf = (form, name) => {
  const field = form.elements[name];
  if (field?.disabled) return "";
  if (field instanceof HTMLInputElement && field.type === "checkbox") return field.checked ? "1" : "0";
  return field?.value ?? "";
};

const holds = (form, condition) => {
  const [name, values] = condition.split("=");
  return values.split("|").includes(valueOf(form, name));
};

const show = (form) => {
  for (const part of form.querySelectorAll("[data-shown-when]")) {
    const shown = part.dataset.shownWhen.split(" ").every((condition) => holds(form, condition));
    part.hidden = !shown;
    for (const field of part.querySelectorAll("input, select, textarea")) field.disabled = !shown;
  }
};

onPage(() => {
  for (const form of document.forms) {
    if (!form.querySelector("[data-shown-when]")) continue;
    form.addEventListener("change", () => show(form));
    show(form);
  }
});
