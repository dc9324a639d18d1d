// <form data-confirm="Erase this customer?">: asked in a dialog before the form goes out.

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (!question || form.dataset.confirmed) return;
  event.preventDefault();
  if (!(await isSure(question, event.submitter?.textContent.trim() || "Yes"))) return;
  form.dataset.confirmed = "yes";
  form.requestSubmit(event.submitter);
});

// What is answered to the question.
export const isSure = (question, agree) =>
  new Promise((answer) => {
    const dialog = document.createElement("dialog");
    dialog.className = "ask";
    dialog.setAttribute("aria-labelledby", "ask-question");
    const text = Object.assign(document.createElement("p"), { id: "ask-question", textContent: question });
    const no = Object.assign(document.createElement("button"), { className: "button calm", textContent: "Cancel" });
    const yes = Object.assign(document.createElement("button"), { className: "button bad", textContent: agree });
    const buttons = Object.assign(document.createElement("div"), { className: "actions" });
    buttons.append(no, yes);
    dialog.append(text, buttons);
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
