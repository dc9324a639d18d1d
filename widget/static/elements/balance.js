/** The tab My balance: never one number, but what can be spent, what is coming, what is held, what ends and when. */
import { html } from "../html.js";
import { Pages } from "../pages.js";
import { activity } from "./activity.js";
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

const dated = (picture, title, rows) =>
  rows.length > 0 && html`<section class="card dated"><h3>${icon(picture)}${title}</h3><ul role="list">${rows}</ul></section>`;

const note = (picture, title, text) => html`<section class="card note"><h3>${icon(picture)}${title}</h3><p>${text}</p></section>`;

function view(model) {
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
      ${promised + hold > 0 ? html`<dl>${others.map(legend)}</dl>` : html`<p>${format.say(total > 0 ? "balance.all" : "balance.none")}</p>`}</section>
    ${owed < 0 && note("alert", format.say("balance.owed.title", missing), format.say("balance.owed.text", missing))}
    ${hold > 0 && note("lock", format.say("balance.hold.title", held), format.say("balance.hold.text"))}
    ${dated("clock", format.say("balance.coming"), coming)}
    ${dated("hourglass", format.say("balance.ending"), ending)}
    ${activity(model)}`;
}

export function begin(panel) {
  const pages = new Pages((after) => panel.page("activity", after), () => panel.changed());
  let owner = null;

  async function look() {
    const { identity } = panel.model;
    if (identity !== owner) pages.forget();
    owner = identity;
    await pages.recent();
  }

  panel.verbs.more = async () => {
    const known = pages.values.items?.length;
    await (known ? pages.more() : look());
    if (known) panel.part("panel-balance").querySelectorAll("summary")[known]?.focus();
  };

  return { view: (model) => view({ ...model, ...(model.identity === owner && pages.values) }), look };
}
