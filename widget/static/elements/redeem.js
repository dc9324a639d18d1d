/** The tab Redeem points: what can be had for points, how far it is to each, and the step in which it is had. */
import { html, trusted } from "../html.js";
import { bestFor } from "./best.js";
import { campaign } from "./campaign.js";
import { payment } from "./pay.js";
import { button, icon, skeleton } from "./parts.js";
import { picture } from "./pictures.js";
import { RATE } from "./rate.js";
import { codeOf, deskOf, lost, merchantsWords, sayOf, stateOf, titled } from "./redemption.js";

/** Whose worth is not a figure, or is told in a sentence of its own. */
const WORDY = ["cashback", "free_shipping"];
const FIELDS = { number: "number", integer: "number", date: "date", email: "email", phone: "tel" };

function progress({ id, cost, missing_points: missing }, format) {
  const told = format.say("redeem.progress", { have: format.number(cost - missing), points: format.points(cost) });
  return html`<div class="progress"><progress value="${cost - missing}" max="${cost}" aria-labelledby="reward-${id}" aria-valuetext="${told}"></progress><small>${told}</small></div>`;
}

/** The button, or why there is none. */
function way({ id, type, redeemable, message, point_value: value }, { guest, me, format, links }) {
  const about = `reward-${id}`;
  if (type === "cashback") {
    const rate = { points: format.points(1), money: format.money(value, undefined, RATE) };
    return html`<p class="told">${format.say("redeem.cashback", rate)}</p>`;
  }
  if (guest) return html`<a class="button calm" href="${links.signup}" aria-describedby="${about}">${format.say("guest.signup")}</a>`;
  if (!me) return html`<i class="button waiting"></i>`;
  return html`${!redeemable && message && html`<p class="told" id="told-${id}">${message}</p>`}
    <button type="button" class="button" id="redeem-${id}" data-do="choose" data-with="${id}" aria-describedby="${about}${!redeemable && message && ` told-${id}`}"
      ${!redeemable && html`disabled`}>${format.say("redeem")}</button>`;
}

function card(reward, model, best) {
  const { id, name, type, sub_type: subType, cost_text: cost, value_text: value, description_html: text, brand, more_info_url: more, featured, missing_points: missing } = reward;
  const { format } = model;
  const isBest = best === id && type !== "cashback"; // which is told of above, with its slider
  const marks = html`${isBest && html`<b>${format.say("redeem.best")}</b>`}${featured && html`<span>${format.say("redeem.featured")}</span>`}`;
  return html`<li class="card ticket">${(isBest || featured) && html`<p class="marks">${marks}</p>`}
    <div class="top">${picture(reward)}<div><h3 id="reward-${id}">${name}</h3><p class="cost">${type === "cashback" ? brand?.name : cost}${
      type !== "cashback" && brand?.name && html`<small> · ${brand.name}</small>`
    }</p></div>${value && !WORDY.includes(subType ?? type) && html`<b class="worth">${value}</b>`}</div>
    ${text && html`<div class="about">${trusted(text)}</div>`}
    ${more && html`<a class="more" href="${more}" target="_blank" rel="noopener" aria-describedby="reward-${id}">${format.say("redeem.info")}</a>`}
    <div class="stub">${model.me && missing > 0 && type !== "cashback" && progress(reward, format)}${way(reward, model)}</div></li>`;
}

const answer = ({ id, type, mandatory }, format) => {
  const kind = type?.toLowerCase();
  const said = html`id="ask-${id}" name="${id}" ${mandatory && html`required`}`;
  if (kind !== "boolean") return html`<input ${said} type="${FIELDS[kind] ?? "text"}" step="any" maxlength="500" autocomplete="off">`;
  return html`<select ${said}><option value="">–</option><option value="True">${format.say("yes")}</option><option value="False">${format.say("no")}</option></select>`;
};

const field = (asked, format) => html`<p class="field"><label for="ask-${asked.id}">${asked.name}${asked.mandatory && html` <small>${format.say("confirm.mandatory")}</small>`}</label>
  ${answer(asked, format)}</p>`;

const confirming = (reward) => ({ format }) => html`<form>
  ${titled(null, format.say("confirm.title", { points: reward.cost_text, reward: reward.name }))}
  ${reward.confirmation_html ? merchantsWords(reward.confirmation_html, { points: reward.cost, reward_name: reward.name }) : html`<p>${format.say("confirm.text")}</p>`}
  ${reward.attributes?.map((one) => field(one, format))}
  <p class="choice">${button("later", format.say("later"))}<button type="submit" class="button" data-do="confirm">${format.say("confirm")}</button></p></form>`;

const DONE = { preparing: "hourglass", failed: "alert" };

/** What came of it, and goes on coming of it. */
const done = (given, redemptions) => (model) => {
  const { format } = model;
  const one = redemptions.find(given.id) ?? given;
  const state = stateOf(one);
  const told = { points: format.points(one.points), reward: one.reward.name };
  const isMade = state !== "preparing" && state !== "failed";
  const group = isMade ? "done" : state;
  return html`${titled(icon(DONE[state] ?? "done"), sayOf(one, format, `after.${group}.title`, told))}
    ${isMade && one.post_confirmation_html ? merchantsWords(one.post_confirmation_html) : html`<p>${sayOf(one, format, `after.${group}.text`, told)}</p>`}
    ${isMade && codeOf(one, format)}
    ${one.can_return && html`<p class="hint">${format.say("after.undo")}</p>`}
    <p class="choice">${button("later", format.say("after.end"))}${state !== "failed" && button("mine", format.say("tab.rewards"))}</p>`;
};

const offered = ({ me, program }) => [...(me?.campaign ?? (me ? null : program.campaign))?.gifts ?? [], ...(me ?? program).rewards ?? []];

export function begin(panel) {
  const { redemptions, step, attempt } = deskOf(panel);
  const pay = payment(panel, redemptions);
  let chosen;

  function view(model) {
    const { program, me, format } = model;
    if (!program) return skeleton;
    redemptions.of(model);
    const best = me && bestFor(model);
    const now = campaign(model, (gift) => card(gift, model, best));
    const gifts = new Set(now ? ((me ?? program).campaign?.gifts ?? []).map(({ id }) => id) : []);
    const rewards = ((me ?? program).rewards ?? []).filter(({ id }) => !gifts.has(id));
    return html`${pay.view(model, best)}${now}${rewards.length > 0 && html`${now && html`<h3 class="rest">${format.say("redeem.rest")}</h3>`}
      <ul role="list">${rewards.map((reward) => card(reward, model, best))}</ul>`}`;
  }

  const redeem = () => {
    const reward = chosen;
    const form = panel.dialog.querySelector(".step form");
    if (form && !form.checkValidity()) return; // the browser says which field
    const given = Object.fromEntries([...(form ? new FormData(form) : [])].filter(([, value]) => value.trim()));
    attempt(async (opening) => {
      const redemption = await redemptions.redeem(reward, given);
      const told = { reward: redemption.reward.name, points: panel.model.format.points(redemption.points) };
      if (!step.turn(done(redemption, redemptions), opening)) panel.say(panel.model.format.say("after.done.title", told));
    }, "confirm");
  };

  Object.assign(panel.verbs, {
    choose: (id) => {
      chosen = offered(panel.model).find((reward) => reward.id === id);
      step.open(redemptions.unanswered(id) ? lost({ kind: "failed" }, "confirm") : confirming(chosen), `redeem-${id}`);
    },
    confirm: redeem,
  });

  return {
    view,
    look: () => {
      pay.look();
      if (panel.model.me?.balance.on_hold > 0) redemptions.look();
    },
    shown: (model) => {
      pay.shown(model);
      step.shown(model);
    },
  };
}
