// <form data-draft-preview>: what is changed goes into the draft at once, and the frame with the real widget shows it.
// Without this the button "Show it in the widget" does the same.

import { ask, onPage } from "./page.js";

let form;
let frame;
let timer;
let isSending = false;
let isChanged = false;

const send = async () => {
  if (isSending) return (isChanged = true);
  isSending = true;
  const said = new FormData(form);
  said.set("do", "show");
  try {
    const answer = await ask(form.action, { method: "POST", body: said });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const seen = page.querySelector('form[data-draft-preview] input[name="seen"]');
    if (answer.ok && seen) {
      form.elements.seen.value = seen.value;
      frame.src = frame.src;
    }
  } finally {
    isSending = false;
    if (isChanged) later();
  }
};

const later = () => {
  isChanged = false;
  clearTimeout(timer);
  timer = setTimeout(send, 600);
};

onPage(() => {
  clearTimeout(timer);
  form = document.querySelector("form[data-draft-preview]");
  frame = document.querySelector("iframe[data-preview]");
  if (!form || !frame) return;
  form.addEventListener("input", later);
  form.addEventListener("submit", () => clearTimeout(timer));
});
