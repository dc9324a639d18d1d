/** A step inside the panel, before something is done and after it: over everything else, which waits. Escape, or a click
 * beside it, puts the step off and not the panel; the focus goes in, and back to where it came from. */
import { html, render } from "../html.js";

class Step {
  #panel;
  #view = null;
  #back;
  #opening = 0;
  #element = document.createElement("div");

  constructor(panel) {
    this.#panel = panel;
    const { dialog } = panel;
    const element = Object.assign(this.#element, { className: "step", tabIndex: -1, hidden: true });
    render(element, html`<div class="sheet" id="step" role="dialog" aria-modal="true" aria-labelledby="step-title"></div>`);
    panel.part("said").before(element);
    const putOff = (event) => {
      if (!this.#view) return;
      event.preventDefault();
      this.close();
    };
    dialog.addEventListener("keydown", (event) => event.key === "Escape" && putOff(event));
    dialog.addEventListener("cancel", putOff); // a phone's way back
    dialog.addEventListener("close", () => this.close());
    element.addEventListener("click", ({ target }) => target === element && this.close());
    element.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Shows view(model); when it closes, the focus goes to the element with the id `back`, or to the tab. */
  open(view, back) {
    this.#back = back;
    this.#opening += 1;
    this.#element.hidden = false;
    for (const part of this.#others) part.inert = true;
    this.turn(view);
  }

  /** Names this opening, for what takes a while. */
  get opening() {
    return this.#opening;
  }

  /** Shows something else in it. If it has been put off since `opening`: nothing, and the answer is no. */
  turn(view, opening = this.#opening) {
    if (this.#element.hidden || opening !== this.#opening) return false;
    this.#view = view;
    this.wait(false);
    this.shown(this.#panel.model);
    this.#element.scrollTop = 0;
    this.#panel.part("step-title").focus();
    return true;
  }

  /** Is an answer on its way? */
  get isWaiting() {
    return this.#element.ariaBusy === "true";
  }

  wait(isWaiting = true) {
    this.#element.ariaBusy = String(isWaiting);
  }

  /** Brings it up to date. */
  shown(model) {
    if (this.#view) render(this.#panel.part("step"), this.#view(model));
  }

  close() {
    if (!this.#view) return;
    this.#view = null;
    this.#opening += 1;
    this.#element.hidden = true;
    for (const part of this.#others) part.inert = false;
    render(this.#panel.part("step"), html``);
    const back = this.#panel.part(this.#back);
    const tab = this.#panel.dialog.querySelector("[role=tabpanel]:not([hidden])");
    (back && !back.disabled ? back : tab).focus();
  }

  get #others() {
    return [...this.#element.parentElement.children].filter((part) => part !== this.#element && part.id !== "said");
  }
}

const steps = new WeakMap();

/** The one step of a panel; what puts it off is the verb "later". */
export function stepOf(panel) {
  if (!steps.has(panel)) {
    const step = new Step(panel);
    steps.set(panel, step);
    panel.verbs.later = () => step.close();
  }
  return steps.get(panel);
}
