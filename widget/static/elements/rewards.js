/** The tab My rewards: what a member has, ready to be used first, and what has become of the rest. */
import { html } from "../html.js";
import { blank, button, icon, skeleton, unread } from "./parts.js";
import { picture, pictured } from "./pictures.js";
import { codeOf, deskOf, stateOf } from "./redemption.js";

/** The states of what is not over. */
const ACTIVE = ["ready", "preparing", "held", "returning", "ending", "waiting", "ordered", "shipped"];
const DRAWN = { used: "done", delivered: "done", returned: "undo", unused: "undo", failed: "alert", canceled: "alert", preparing: "hourglass" };

/** Which moment the words of a state name; otherwise when it ended. */
const MOMENTS = { ready: "expires_at", used: "used_at" };

function said(one, state, format) {
  const at = one[MOMENTS[state] ?? "ended_at"];
  const values = { points: format.points(one.points), date: state === "ready" ? format.lastDay(at) : format.day(at), time: format.time(one.expires_at) };
  if (state === "ready" && !at) return format.say("state.ready.always");
  const back = state === "expired" && { true: "state.points_back", false: "state.points_gone" }[one.points_returned];
  return html`${format.say(`state.${state}`, values)}${back && html`<br>${format.say(back)}`}`;
}

function head(one, state, format) {
  const { reward, value_text: value, discount, points } = one;
  const worth = discount ? format.money(discount) : reward.sub_type !== "free_shipping" && value; // in words, which are no figure
  return html`<div class="top">${picture(reward)}<div><h4>${reward.name}</h4><p class="cost">${format.points(points)}</p></div>${worth && html`<b class="worth">${worth}</b>`}</div>
    <p class="state ${state}">${state === "shipped" ? pictured("free_shipping") : icon(DRAWN[state] ?? "clock")}<span>${said(one, state, format)}</span></p>`;
}

function active(one, format) {
  const state = stateOf(one);
  const isUsable = (one.code || one.use_text) && (state === "ready" || state === "held");
  const undo = one.can_return && html`<button type="button" class="quiet" data-do="undo" data-with="${one.id}">${icon("undo")}${format.say("undo")}</button>`;
  return html`<li class="card ticket" id="redemption-${one.id}" tabindex="-1">${head(one, state, format)}
    ${(isUsable || undo) && html`<div class="stub">${isUsable && codeOf(one, format)}${undo}</div>`}</li>`;
}

const earlier = (one, format) => html`<li class="card" id="redemption-${one.id}" tabindex="-1">${head(one, stateOf(one), format)}</li>`;

const list = (title, rows, look) => rows.length > 0 && html`<section class="mine ${look}"><h3>${title}</h3><ul role="list">${rows}</ul></section>`;

export function begin(panel) {
  const { redemptions, step } = deskOf(panel);

  function view(model) {
    const { format } = model;
    const { items, next, loading, stuck } = redemptions.of(model);
    if (!items) return stuck ? unread("older", format) : skeleton;
    const isActive = (one) => ACTIVE.includes(stateOf(one));
    const more = loading ? "loading" : stuck ? "retry" : "mine.more";
    return html`${
      items.length === 0
        ? blank("rewards", format.say("mine.empty.title"), format.say("mine.empty.text"), panel.part("tab-redeem") && button("show", format.say("mine.empty.way"), "redeem"))
        : html`${list(format.say("mine.active"), items.filter(isActive).map((one) => active(one, format)))}
          ${list(format.say("mine.earlier"), items.filter((one) => !isActive(one)).map((one) => earlier(one, format)), "past")}`
    }${(next || stuck) && html`<p class="onward">${button("older", format.say(more))}</p>`}`;
  }

  panel.verbs.older = async () => {
    const { pages } = redemptions;
    const known = new Set(pages.values.items?.map(({ id }) => id));
    await (pages.values.items ? pages.more() : redemptions.look());
    const first = pages.values.items?.find(({ id }) => !known.has(id));
    if (known.size > 0 && first) panel.part(`redemption-${first.id}`)?.focus();
  };

  return { view, look: () => redemptions.look(), shown: (model) => step.shown(model) };
}
