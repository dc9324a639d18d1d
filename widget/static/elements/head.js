/** The panel's head: to a visitor what this is and how to join, to a member their name and their points. */
import { html } from "../html.js";

export function head({ guest, me, format, shop, links }) {
  if (!(guest ? shop : me)) return html`<p class="skeleton"><i></i><b></b></p>`;
  if (guest) {
    return html`<p class="headline">${format.say("guest.title")}</p><p>${format.say("guest.text", { shop })}</p>
      <p class="ways"><a class="button" href="${links.signup}">${format.say("guest.signup")}</a>
      <a class="button" href="${links.login}">${format.say("guest.login")}</a></p>`;
  }
  const name = me.member?.first_name;
  const points = me.balance.available;
  return html`<p>${name ? format.say("hello", { name }) : format.say("hello.stranger")}</p>
    <p class="headline"><span class="figure">${format.number(points)}</span> ${format.unit(points)}</p>`;
}
