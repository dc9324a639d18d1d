/** The member's level, the way to the next one, and the whole ladder with what each step brings. */
import { html } from "../html.js";
import { icon } from "./parts.js";

/** What was said about keeping the level: it is the shop's gift, it ends soon, or it stays until a day. */
function keeping({ is_manual: isManual, leaves_at: leaves, keeps_until: keeps }, format) {
  if (leaves) return format.say("level.leaves", { date: format.lastDay(leaves) });
  if (keeps) return format.say("level.keeps", { date: format.lastDay(keeps) });
  return isManual && format.say("level.manual");
}

function rung(level, here, format) {
  const { id, name, from_text: from, multiplier_text: factor, perks } = level;
  const isHere = id === here;
  const gains = [factor, ...(perks ?? [])].filter(Boolean);
  return html`<li ${isHere && html`aria-current="true"`}><p><b>${name}</b>${isHere ? html`<span class="here">${format.say("level.here")}</span>` : html`<small>${from}</small>`}</p>
    ${gains.length > 0 && html`<ul role="list">${gains.map((gain) => html`<li>${icon("done")}${gain}</li>`)}</ul>`}</li>`;
}

export function levels({ me, program, format }) {
  const { tier } = me;
  const ladder = program.tiers?.levels ?? [];
  if (!tier || ladder.length === 0) return null;
  const { level, next, fraction, value_text: value } = tier;
  const kept = keeping(tier, format);
  return html`<section class="card level" aria-labelledby="level-title"><h3 id="level-title">${icon("level")}${format.say("level.title")}</h3>
    <p class="rank"><b>${level?.name ?? format.say("level.none")}</b><small>${value}</small></p>
    ${next && html`<progress value="${fraction}" max="1" aria-labelledby="level-title" aria-valuetext="${next.missing_text}"></progress><p class="missing">${next.missing_text}</p>`}
    ${kept && html`<p>${kept}</p>`}
    <details id="ladder"><summary>${format.say("level.ladder")}${icon("open")}</summary><ol role="list">${ladder.map((one) => rung(one, level?.id, format))}</ol></details></section>`;
}
