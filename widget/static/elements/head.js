/** The panel's head: to a visitor what this is and how to join, to a member their name and their points. */
import { html } from "../html.js";

const waiting = html`<p class="skeleton"><i></i><b></b></p>`;

export function head({ guest, me, format, shop, links }) {
  if (guest) {
    // what waits for the program has its height already, so that nothing below it moves
    const way = (url, label) => (shop ? html`<a class="button" href="${url}">${label}</a>` : html`<i class="button"></i>`);
    return html`<p class="headline">${format.say("guest.title")}</p>
      ${shop ? html`<p>${format.say("guest.text", { shop })}</p>` : waiting}
      <p class="ways">${way(links.signup, format.say("guest.signup"))}${way(links.login, format.say("guest.login"))}</p>`;
  }
  if (!me) return waiting;
  const name = me.member?.first_name;
  const points = me.balance.available;
  return html`<p>${name ? format.say("hello", { name }) : format.say("hello.stranger")}</p>
    <p class="headline"><span class="figure">${format.number(points)}</span> ${format.unit(points)}</p>`;
}
