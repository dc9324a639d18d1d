/** The tab My balance: never one number, but what can be spent, what is coming, what is held, what ends and when. */
import { html } from "../html.js";
import { activityIn } from "./activity.js";
import { levels } from "./levels.js";
import { icon, skeleton } from "./parts.js";

const GAP = 2; // hundredths of the ring between two shares

/** A ring of the shares, [name, points] each, around the points that can be spent. */
function ring(shares, total, number, label) {
  let from = 0;
  const arcs = shares.map(([name, points]) => {
    const length = (points / total) * 100;
    const drawn = Math.max(length - (points < total && GAP), 1);
    from += length;
    return html`<circle class="${name}" cx="60" cy="60" r="52" pathLength="100" stroke-dasharray="${drawn} 100" stroke-dashoffset="${length - from}"/>`;
  });
  return html`<div class="ring"><svg viewBox="0 0 120 120" aria-hidden="true">${total > 0 ? arcs : html`<circle cx="60" cy="60" r="52"/>`}</svg>
    <p><strong class="figure" data-length="${number.length}">${number}</strong>${label}</p></div>`;
}

const row = (points, when, what) => html`<li><span>${what && html`${what}<br>`}<small>${when}</small></span><b>${points}</b></li>`;

const dated = (picture, title, rows, look) =>
  rows.length > 0 && html`<section class="card dated ${look}"><h3>${icon(picture)}${title}</h3><ul role="list">${rows}</ul></section>`;

/** What settles the points that are owed: all of it on a day, a part, or whatever comes next. */
function settling(owed, pending, format) {
  let left = owed;
  for (const { points, due_at: due } of pending) {
    left -= points;
    if (left <= 0) return format.say("balance.owed.soon", { date: format.day(due) });
  }
  return left < owed && format.say("balance.owed.part", { points: format.points(owed - left) });
}

const note = (picture, title, ...texts) => html`<section class="card note"><h3>${icon(picture)}${title}</h3>${texts.map((text) => text && html`<p>${text}</p>`)}</section>`;

function view(model, activity) {
  const { me, format } = model;
  if (!me) return skeleton;
  const { available, pending, expected, on_hold: hold, owed, expiring } = me.balance;
  const promised = pending.reduce((sum, { points }) => sum + points, 0);
  const total = available + promised + hold;
  const shares = [["available", available], ["pending", promised], ["hold", hold]].filter(([, points]) => points > 0);
  const [held, missing] = [hold, -owed].map((points) => ({ points: format.points(points) }));
  const legend = ([name, points]) => html`<div class="${name}"><dt>${format.say(`balance.${name}`)}</dt><dd>${format.number(points)}</dd></div>`;
  const coming = [
    ...pending.map(({ points, due_at: due, reason }) => row(format.signed(points), format.say("balance.from", { date: format.day(due) }), reason)),
    ...expected.map(({ points, order }) => row(format.signed(points), format.say("balance.expected"), format.say("order", { order }))),
  ];
  const ending = expiring.map(({ points, expires_at: end }) => row(format.points(points), format.say("balance.until", { date: format.lastDay(end) })));
  const others = shares.filter(([name]) => name !== "available");
  return html`<section class="card total">${ring(shares, total, format.number(available), format.say("balance.available"))}
      ${promised + hold > 0 ? html`<dl>${others.map(legend)}</dl>` : owed >= 0 && html`<p>${format.say(total > 0 ? "balance.all" : "balance.none")}</p>`}</section>
    ${owed < 0 && note("alert", format.say("balance.owed.title", missing), format.say("balance.owed.text", missing), settling(-owed, pending, format))}
    ${hold > 0 && note("lock", format.say("balance.hold.title", held), format.say("balance.hold.text"))}
    ${dated("clock", format.say("balance.coming"), coming)}
    ${dated("hourglass", format.say("balance.ending"), ending, "ending")}
    ${levels(model)}
    ${activity.view(model)}`;
}

export function begin(panel) {
  const activity = activityIn(panel);
  return { view: (model) => view(model, activity), look: activity.look };
}
