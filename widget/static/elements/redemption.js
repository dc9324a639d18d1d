/** One redemption, as both tabs show it: its state in a word, its code to copy and to use, the way back. */
import { html, trusted } from "../html.js";
import { isHeld, Redemptions } from "../redemptions.js";
import { copied } from "./copy.js";
import { button, icon } from "./parts.js";
import { pictured } from "./pictures.js";
import "./signs.js";
import { stepOf } from "./step.js";

/** What it is to its owner: the words of `state.` and the looks. */
export function stateOf(one) {
  const { reward, status, ending, use_state: use, delivery_status: delivery, code } = one;
  if (ending) return ending === "returned" ? "returning" : "ending";
  if (isHeld(one)) return one.is_ready ? "held" : "preparing";
  if (status === "requested") return "preparing";
  if (status !== "issued") return status === "expired" && reward.type === "cashback" ? "unused" : status;
  if (reward.type === "gift" && delivery) return delivery;
  if (use === "used") return "used";
  return reward.type === "gift" && !code ? "waiting" : "ready";
}

/** How it is used: a code in large type with the ways to take it along, and words where the store pays in money. */
export function codeOf({ id, code, use, use_text: words }, format, word) {
  return html`${words && html`<p class="told">${words}</p>`}${code && html`<div class="coupon"><code id="code-${id}">${code}</code>
    <button type="button" class="copy" data-do="copy" data-with="${code}" aria-describedby="code-${id}">${pictured("copy")}${format.say("copy")}</button></div>
    ${use && html`<a class="button" href="${use.url}" aria-describedby="code-${id}">${word ? format.say(word) : use.label || format.say("use")}</a>`}`}`;
}

/** The sentence of `key` for what it is given as, if there is one: of store credit there is no code to speak of. */
export const sayOf = ({ given_as: kind }, format, key, values) => format.say(`${key}.${kind}`, values) || format.say(key, values);

/** The head of a step: a picture, a title that takes the focus. */
export const titled = (picture, title) =>
  html`${picture && html`<span class="seal">${picture}</span>`}<h2 id="step-title" tabindex="-1">${title}</h2>`;

/** What the server refused, in its own words. */
export const refused = (detail) => ({ format }) => html`${titled(icon("alert"), format.say("refused"))}
  <p>${detail}</p><p class="choice">${button("later", format.say("back"))}</p>`;

/** Nobody knows what came of it; `again` is the verb that asks once more, with the same key. */
export const lost = ({ kind, wait }, again) => ({ format }) => html`${titled(icon("alert"), format.say(`problem.${kind}.title`))}
  <p>${kind === "failed" || kind === "offline" ? format.say("lost") : format.say(`problem.${kind}.text`, { n: wait })}</p>
  <p class="choice">${button("later", format.say("later"))}${kind === "expired" ? button("reload", format.say("reload")) : button(again, format.say("retry"))}</p>`;

/** HTML of the merchant's, with what it leaves blank, such as {{points}}, filled in. */
export function merchantsWords(text, values = {}) {
  const filled = text.replace(/\{\{ ?(\w+) ?\}\}/g, (blank, name) => (name in values ? html`${values[name]}` : blank));
  return html`<div class="prose">${trusted(filled)}</div>`;
}

const wish = (one) => ({ format }) => html`${titled(icon("undo"), format.say("undo.title"))}
  <p>${sayOf(one, format, "undo.text", { points: format.points(one.points) })}</p>
  <p class="choice">${button("later", format.say("undo.keep"))}${button("undo-now", format.say("undo"), one.id)}</p>`;

const desks = new WeakMap();

/** What the two tabs share in one panel: the redemptions, the step, and these verbs. */
export function deskOf(panel) {
  if (!desks.has(panel)) desks.set(panel, deskIn(panel));
  return desks.get(panel);
}

function deskIn(panel) {
  const redemptions = new Redemptions(panel);
  const step = stepOf(panel);

  /** Does `act` while the step waits; what goes wrong is shown in it, with `again` to try once more, or said. */
  async function attempt(act, again) {
    if (step.isWaiting) return;
    const { opening } = step;
    step.wait();
    try {
      await act(opening);
    } catch (problem) {
      const { detail, kind } = problem;
      if (!step.turn(detail ? refused(detail) : lost(problem, again), opening)) panel.say(detail || panel.model.format.say(`problem.${kind}.title`));
      if (detail) panel.renew();
    }
  }

  let undoing;
  const giveBack = () =>
    attempt(async (opening) => {
      await redemptions.giveBack(undoing);
      if (opening === step.opening) step.close();
    }, "undo-now");

  Object.assign(panel.verbs, {
    copy: async (code) => panel.say(panel.model.format.say((await copied(code, panel.dialog)) ? "copied" : "copy.failed")),
    undo: (id) => {
      undoing = id;
      step.open(wish(redemptions.find(id)), `redemption-${id}`);
    },
    "undo-now": giveBack,
    mine: () => {
      step.close();
      panel.show("rewards");
    },
  });
  return { redemptions, step, attempt };
}
