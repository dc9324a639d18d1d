/** Everything that happened to the points, newest first; each row opens into the sum that made it. */
import { html } from "../html.js";
import { blank, button, icon, skeleton } from "./parts.js";

/** The kinds of entry that leave the points that can be spent as they are. */
const ELSEWHERE = ["promise", "void", "capture"];

const fact = (name, value) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

/** As much of the why as there is. What the server says in a word that is not among ours is shown as it came. */
function why({ why: known, expires_at: end, balance_after: after }, format) {
  const told = known ?? {};
  const say = (key) => format.say(`why.${key}`);
  const word = (group, name) => name && (say(`${group}.${name}`) || name);
  const money = (amount) => format.money(amount, told.currency);
  const until = told.expires_at ?? end;
  const line = ({ title, quantity, counted, points, taken_back: back, excluded }) => html`<li><span>${title}
    <small>${quantity > 1 && `× ${format.number(quantity)} · `}${counted && money(counted)}${excluded && ` · ${word("excluded", excluded)}`}</small></span>
    <b>${excluded ? format.number(0) : points != null && format.number(points)}${back > 0 && html`<small>${format.signed(-back)}</small>`}</b></li>`;
  return html`<div class="why">
    ${told.counted && told.points != null && html`<p>${money(told.counted)} = <b>${format.points(told.points)}</b></p>`}
    ${told.note && html`<p>${word("note", told.note)}</p>`}
    ${told.lines?.length > 0 && html`<ul role="list">${told.lines.map(line)}</ul>`}
    ${told.excluded?.length > 0 && html`<h4>${say("not_counted")}</h4><ul role="list">${told.excluded.map(
      ({ what, amount }) => html`<li><span>${word("excluded", what)}</span><b>${money(amount)}</b></li>`,
    )}</ul>`}
    <dl>${fact(say("reason"), told.reason)}${fact(say("by"), word("actor", told.actor))}
    ${fact(say("rule"), told.spend_step && format.say("why.rate", { points: format.points(told.points_per_step ?? 1), step: format.money(told.spend_step, told.currency, "stripIfInteger") }))}
    ${fact(say("base"), word("base", told.base))}${fact(say("round"), word("round", told.round))}
    ${fact(say("due"), told.due_at && format.day(told.due_at))}${fact(say("until"), until && format.lastDay(until))}
    ${fact(say("version"), told.program_version)}${fact(say("after"), after != null && format.points(after))}</dl></div>`;
}

function entry(item, format) {
  const { id, kind, points, title, at } = item;
  const look = ELSEWHERE.includes(kind) ? "clock" : points < 0 ? "minus" : "plus";
  return html`<li><details id="entry-${id}" class="${look}"><summary><span class="emblem">${icon(look)}</span>
    <span class="what"><b>${title}</b><small>${format.day(at)}</small></span>
    <span class="points">${format.signed(points)}</span>${icon("open")}</summary>${why(item, format)}</details></li>`;
}

export function activity({ items, next, loading, stuck, format }) {
  const more = loading ? "loading" : stuck ? "retry" : "activity.more";
  return html`<section class="activity"><h3>${format.say("activity.title")}</h3>${
    items?.length > 0
      ? html`<ul class="card" role="list">${items.map((item) => entry(item, format))}</ul>`
      : items
        ? blank("clock", format.say("activity.empty.title"), format.say("activity.empty.text"), button("show", format.say("tab.earn"), "earn"))
        : stuck
          ? html`<p>${format.say("problem.failed.text")}</p>`
          : skeleton
  }${(stuck || next) && button(items ? "more" : "retry", format.say(more))}</section>`;
}
