/** Why an entry came to what it is: the sum, the lines, the rules that took part and those that did not, the dates. */
import { html } from "../html.js";
import { RATE } from "./rate.js";

const fact = (name, value) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

/** As much of the why as there is. What the server says in a word that is not among ours is shown as it came. */
export function why({ why: known, expires_at: end, balance_after: after }, format) {
  const told = known ?? {};
  const say = (key) => format.say(`why.${key}`);
  const word = (group, name) => name && (say(`${group}.${name}`) || name);
  const money = (amount) => format.money(amount, told.currency);
  const times = (factor) => `×\u00a0${format.number(factor)}`;
  const until = told.expires_at ?? end;
  const line = ({ title, quantity, counted, points, taken_back: back, excluded }) => html`<li><span>${title}
    <small>${quantity > 1 && `× ${format.number(quantity)} · `}${counted && money(counted)}${excluded && ` · ${word("excluded", excluded)}`}</small></span>
    <b>${excluded ? format.number(0) : points != null && format.number(points)}${back > 0 && html`<small>${format.signed(-back)}</small>`}</b></li>`;
  const effect = ({ kind, factor, points }) => (factor ? times(factor) : kind === "exclusion" ? say("not_counted") : points != null && format.signed(points));
  const rule = (one) => html`<li class="${one.applied ? "" : "off"}"><span>${one.title}${one.because && html` <small>${word("because", one.because)}</small>`}</span>
    <b>${one.applied ? effect(one) : say("not_applied")}</b></li>`;
  const list = (title, rows) => rows?.length > 0 && html`${title && html`<h4>${title}</h4>`}<ul role="list">${rows}</ul>`;
  return html`<div class="why">
    ${told.counted && told.points != null && html`<p>${money(told.counted)} = <b>${format.points(told.points)}</b></p>`}
    ${told.note && html`<p>${word("note", told.note)}</p>`}
    ${told.claimed && html`<p>${say("claim")}</p>`}
    ${list("", told.lines?.map(line))}
    ${list(say("rules"), told.rules?.map(rule))}
    ${list(say("not_counted"), told.excluded?.map(({ what, amount }) => html`<li><span>${word("excluded", what)}</span><b>${money(amount)}</b></li>`))}
    <dl>${fact(say("reason"), told.reason)}${fact(say("by"), word("actor", told.actor))}
    ${fact(say("rule"), told.spend_step && format.say("why.rate", { points: format.points(told.points_per_step ?? 1), step: format.money(told.spend_step, told.currency, RATE) }))}
    ${fact(say("base"), word("base", told.base))}${fact(say("round"), word("round", told.round))}
    ${fact(say("due"), told.due_at && format.day(told.due_at))}${fact(say("until"), until && format.lastDay(until))}
    ${fact(say("version"), told.program_version)}${fact(say("after"), after != null && format.points(after))}</dl></div>`;
}
