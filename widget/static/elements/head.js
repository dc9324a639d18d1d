/** The panel's head: to a visitor what this is and how to join; to a member their points, and how far it is to what comes next. */
import { html } from "../html.js";
import { icon } from "./parts.js";

const waiting = html`<p class="skeleton"><i></i><b></b></p>`;
const LONG = 7; // signs of a number that is written smaller
const SHORT = 5; // signs of a worth that fit into the ring

/** The cheapest reward that is still too dear. */
export function goalOf({ rewards, campaign }) {
  const far = [...(rewards ?? []), ...(campaign?.gifts ?? [])].filter(({ type, missing_points: missing }) => type !== "cashback" && missing > 0);
  return far.sort((a, b) => a.cost - b.cost)[0];
}

function ring({ cost, missing_points: missing, value_text: worth }) {
  const share = ((cost - missing) / cost) * 100;
  return html`<div class="goal"><svg viewBox="0 0 100 100" role="progressbar" aria-valuenow="${Math.floor(share)}" aria-labelledby="goal">
    <circle cx="50" cy="50" r="45"/>${share > 0 && html`<circle cx="50" cy="50" r="45" pathLength="100" stroke-dasharray="${share} 100"/>`}</svg>
    <span aria-hidden="true">${worth?.length <= SHORT ? worth : icon("redeem")}</span></div>`;
}

/** The level, the way to the next one, and until when a level is kept that is no longer reached. */
function rank({ level, next, fraction, leaves_at: end }, format) {
  return html`<div class="climb">${level && html`<b class="chip">${icon("level")}${level.name}</b>`}
    ${next ? html`<progress value="${fraction}" aria-labelledby="level"></progress><span id="level">${next.missing_text}</span>` : level?.multiplier_text}
    ${level && end && html`<span class="grace">${icon("clock")}${format.say("level.grace", { level: level.name, date: format.lastDay(end) })}</span>`}</div>`;
}

export function head({ guest, me, program, format, shop, links }) {
  if (guest) {
    // what waits for the program has its height already, so that nothing below it moves
    const way = (url, label) => (shop ? html`<a class="button" href="${url}">${label}</a>` : html`<i class="button"></i>`);
    return html`<p class="headline">${format.say("guest.title")}</p>
      ${shop ? html`<p>${format.say("guest.text", { shop })}</p>` : waiting}
      <p class="ways">${way(links.signup, format.say("guest.signup"))}${way(links.login, format.say("guest.login"))}</p>`;
  }
  if (!me) return html`${waiting}${program?.tiers && html`<p class="climb"></p>`}`;
  const name = me.member?.first_name;
  const points = me.balance.available;
  const number = format.number(points);
  const goal = goalOf(me);
  return html`<div class="standing"><div><p>${name ? format.say("hello", { name }) : format.say("hello.stranger")}</p>
    <p class="headline"><span class="figure${number.length > LONG && " long"}">${number}</span> ${format.unit(points)}</p>
    ${goal && html`<p id="goal">${format.say("goal", { points: format.points(goal.missing_points), reward: goal.name })}</p>`}</div>${goal && ring(goal)}</div>
    ${me.tier && rank(me.tier, format)}`;
}
