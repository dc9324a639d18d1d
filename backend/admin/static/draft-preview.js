// <form data-draft-preview>: what is changed goes into the draft at once, and the frame with the real widget shows it.
// Without this the button "Show it in the widget" does the same.

import { ask, onPage } from "./page.js";

let form;
let frame;
let timer;
let isSending = false;
let isChanged = false;
let goOn; // sends the form, once what is being shown is kept: both at once would be two people at one draft

const send = async () => {
  if (isSending) return (isChanged = true);
  isSending = true;
  const shown = form;
  const said = new FormData(shown);
  said.set("do", "show");
  try {
    const answer = await ask(shown.action, { method: "POST", body: said });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const seen = page.querySelector('form[data-draft-preview] input[name="seen"]');
    if (answer.ok && seen) {
      shown.elements.seen.value = seen.value;
      if (shown === form) frame.src = frame.src;
    }
  } finally {
    isSending = false;
    if (goOn) goOn();
    else if (isChanged) later();
  }
};

const later = () => {
  isChanged = false;
  clearTimeout(timer);
  timer = setTimeout(send, 600);
};

const wait = (event) => {
  clearTimeout(timer);
  if (!isSending) return;
  event.preventDefault();
  goOn = () => {
    goOn = undefined;
    form.requestSubmit(event.submitter);
  };
};

onPage(() => {
  clearTimeout(timer);
  isChanged = false;
  goOn = undefined;
  form = document.querySelector("form[data-draft-preview]");
  frame = document.querySelector("iframe[data-preview]");
  if (!form || !frame) return;
  form.addEventListener("input", later);
  form.addEventListener("submit", wait);
});
