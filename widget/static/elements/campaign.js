/** The gift campaign that is on: its banner, its days, its terms, its gifts, and at the end what this member has taken. */
import { html, trusted } from "../html.js";
import { icon } from "./parts.js";

function days({ starts_at: from, ends_at: to }, format) {
  const [first, last] = [format.day(from), to && format.lastDay(to)];
  return to ? format.say("campaign.days", { from: first, to: last }) : format.say("campaign.since", { from: first });
}

function tally({ used_points: points, taken }, format) {
  return html`<div class="tally"><p><b>${format.say("campaign.used", { n: points, points: format.points(points) })}</b></p>
    ${taken.length > 0 && html`<ul role="list">${taken.map((gift) => html`<li><span>${gift.name}</span><b>${format.number(gift.points)}</b></li>`)}</ul>`}</div>`;
}

/** `card(gift)` shows one gift. Nothing if no campaign is on for this member. */
export function campaign({ program, me, format }, card) {
  const { campaign: told } = program;
  const mine = me?.campaign;
  if (!told || (me && mine?.id !== told.id)) return null;
  const { name, banner_url: banner, terms_html: terms } = told;
  return html`<section class="campaign" aria-labelledby="campaign-title">${banner && html`<img class="banner" src="${banner}" alt="">`}
    <header><h3 id="campaign-title">${name}</h3><p class="dates">${icon("clock")}${days(told, format)}</p>
    ${me && html`<p>${format.say("campaign.points", { points: format.points(me.balance.available) })}</p>`}
    ${terms && html`<details id="campaign-terms"><summary>${format.say("campaign.terms")}${icon("open")}</summary><div class="about">${trusted(terms)}</div></details>`}</header>
    <ul role="list">${(mine ?? told).gifts.map(card)}</ul>${mine && tally(mine, format)}</section>`;
}
