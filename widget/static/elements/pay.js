/** Pay with points: how many of them for the cart that the page tells of, and what is set aside for its checkout. */
import { html } from "../html.js";
import { isHeld } from "../redemptions.js";
import { cashbackOf } from "./best.js";
import { button, icon } from "./parts.js";
import { pictured } from "./pictures.js";
import { RATE } from "./rate.js";
import { codeOf } from "./redemption.js";

const REST = 500; // ms that the slider rests before the server is asked

const framed = (picture, title, text, rest) => html`<section class="card pay" aria-labelledby="pay-title">
  <div class="top"><span class="emblem">${picture}</span><div><h3 id="pay-title" tabindex="-1">${title}</h3><p class="cost">${text}</p></div></div>${rest}</section>`;

function heldCard(one, format) {
  const { id, points, discount, is_ready: isReady, ending, expires_at: until, can_return: canReturn } = one;
  const said = ending ? "pay.returning" : isReady ? "pay.held.text" : "pay.preparing";
  const back = canReturn && !ending && html`<button type="button" class="quiet" data-do="pay-back" data-with="${id}">${icon("undo")}${format.say("pay.back")}</button>`;
  return framed(
    icon(isReady && !ending ? "lock" : "hourglass"),
    format.say("pay.held.title", { money: format.money(discount) }),
    format.points(points),
    html`<p class="told">${format.say(said, { time: format.time(until) })}</p><div class="stub">${isReady && !ending && codeOf(one, format, "pay.use")}${back}</div>`,
  );
}

export function payment(panel, redemptions) {
  let chosen = null; // points; null: as many as are useful
  let quote = null; // the server's, for `cart` and `points`
  let problem = "";
  let isWaiting = false;
  let timer;

  const held = () => redemptions.pages.values.items?.find((one) => isHeld(one) || (one.reward.type === "cashback" && one.ending));
  const offer = (model) => model.cart && model.me?.balance.available > 0 && cashbackOf(model);

  /** The points on the slider, the most there is use for, and what they do to the cart. */
  function sums(model, { point_value: rate }) {
    const { cart, me } = model;
    const own = quote?.cart === cart ? quote : null;
    const most = Math.min(me.balance.available, own?.max_points ?? Math.ceil(cart / rate));
    const points = Math.min(redemptions.unanswered("hold")?.points ?? chosen ?? most, most);
    const discount = own?.points === points ? own.discount : Math.min(points * rate, cart);
    return { most, points, discount, left: cart - discount };
  }

  function view(model, best) {
    const { format, cart } = model;
    const one = model.me && held();
    if (one) return heldCard(one, format);
    const reward = offer(model);
    if (!reward) return null;
    const rate = { points: format.points(1), money: format.money(reward.point_value, undefined, RATE) };
    const isUnanswered = redemptions.unanswered("hold");
    return framed(
      pictured("cashback"),
      format.say("pay.title"),
      format.say("pay.rate", rate),
      html`${best === reward.id && html`<p class="marks"><b>${format.say("redeem.best")}</b></p>`}
        <label for="pay">${format.say("pay.label", { money: format.money(cart) })}</label>
        <input type="range" id="pay" min="0" max="${sums(model, reward).most}" step="1" ${isUnanswered && html`disabled`}>
        <p class="sum"><b id="pay-sum"></b><span id="pay-left"></span></p>
        ${problem && html`<p class="told">${problem}</p>`}${button("pay", html`<span id="pay-now"></span>`)}`,
    );
  }

  /** What follows the slider is written here, so that the slider itself stays as it is under the hand. */
  function shown(model) {
    const slider = panel.part("pay");
    const reward = slider && offer(model);
    if (!reward) return;
    const { format } = model;
    const { points, discount, left } = sums(model, reward);
    const sum = format.say("pay.sum", { points: format.points(points), money: format.money(discount) });
    slider.value = points;
    slider.style.setProperty("--share", `${(points / slider.max) * 100}%`);
    slider.setAttribute("aria-valuetext", sum);
    panel.part("pay-sum").textContent = sum;
    panel.part("pay-left").textContent = format.say("pay.left", { money: format.money(left) });
    const label = panel.part("pay-now");
    label.textContent = isWaiting ? format.say("loading") : format.say("pay.now", { points: format.points(points) });
    label.parentElement.disabled = points === 0;
  }

  async function ask() {
    const { model } = panel;
    const { cart } = model;
    if (!offer(model) || held() || chosen === 0) return;
    try {
      quote = { ...(await redemptions.quote(cart, chosen ?? undefined)), cart };
      panel.changed();
    } catch {} // our own sum stands until the hold
  }

  /** Has something done about the points, and shows what came of it. */
  async function settle(act) {
    if (isWaiting) return;
    isWaiting = true;
    problem = "";
    panel.changed();
    try {
      await act();
      chosen = null;
      quote = null;
    } catch ({ kind, detail, wait }) {
      const { format } = panel.model;
      problem = detail || (kind === "busy" ? format.say("problem.busy.text", { n: wait }) : format.say("lost"));
      panel.say(problem);
      if (detail) panel.renew();
    }
    isWaiting = false;
    panel.changed();
    if (!problem) panel.part("pay-title")?.focus();
  }

  panel.dialog.addEventListener("input", ({ target }) => {
    if (target.id !== "pay") return;
    chosen = Number(target.value);
    problem = "";
    shown(panel.model);
    clearTimeout(timer);
    timer = setTimeout(ask, REST);
  });
  Object.assign(panel.verbs, {
    pay: () => {
      const { model } = panel;
      const reward = offer(model);
      settle(() => redemptions.hold(reward, model.cart, sums(model, reward).points));
    },
    "pay-back": (id) => settle(() => redemptions.giveBack(id)),
  });
  return { view, shown, look: ask };
}
