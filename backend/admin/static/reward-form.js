// <form data-parts>: buttons named `do` ask the server for the form with a row more, and only the part they stand in is put
// in place. The preview follows what is typed. Without this the buttons load the whole page, which shows the same.

import { ask as send, onPage } from "./page.js";

let form;
let isWhole = false; // the form goes out as it would without this
const ADDING = /^(add_|preview)/;

const ask = async (what) => {
  const said = new FormData(form);
  for (const [name, value] of [...said]) if (value instanceof File) said.delete(name);
  said.set("do", what);
  const answer = await send(form.action, { method: "POST", body: said });
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

const add = async (event) => {
  const button = event.submitter;
  const part = button?.closest("[data-part]");
  if (isWhole || button?.name !== "do" || !part || !ADDING.test(button.value)) return;
  event.preventDefault();
  const before = part.querySelectorAll("input, select, textarea").length;
  const page = await ask(button.value).catch(() => null);
  const found = page?.getElementById(part.id);
  if (!found) return wholly(button); // never without the button: that saves
  part.replaceWith(found);
  const fields = [...found.querySelectorAll("input, select, textarea")];
  if (fields.length > before) firstNew(fields)?.focus();
  else found.querySelector(`button[value="${CSS.escape(button.value)}"]`)?.focus();
};

const wholly = (button) => {
  isWhole = true;
  form.requestSubmit(button);
  isWhole = false;
};

// The first empty field of the last row: that is the one that was added.
const firstNew = (fields) => {
  const rows = [...new Set(fields.map((field) => field.closest(".row, .language")).filter(Boolean))];
  const empty = rows.filter((row) => [...row.querySelectorAll("input:not([type=checkbox]), textarea")].every((field) => !field.value));
  return empty.at(-1)?.querySelector("input, select, textarea");
};

let timer;
const preview = () => {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const found = (await ask("preview"))?.getElementById("preview");
    const here = document.getElementById("preview");
    if (found && here && !here.contains(document.activeElement)) here.replaceWith(found);
  }, 500);
};

onPage(() => {
  clearTimeout(timer);
  form = document.querySelector("form[data-parts]");
  form?.addEventListener("submit", add);
  form?.addEventListener("input", preview);
  form?.addEventListener("change", preview);
});
