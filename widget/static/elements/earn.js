/** The tab Earn points: every rule of the shop, each with the way to it, and how the program works. */
import { html, trusted } from "../html.js";
import { blank, icon, skeleton } from "./parts.js";

function way(rule, { me, guest, format, links }, isSent) {
  const { id, kind, done, button, is_claim: isClaim, is_claimable: isOpen, birthday_known: isKnown } = rule;
  if (!guest && !me) return html`<i class="button waiting"></i>`;
  if (done || isSent) return html`<span class="done" id="way-${id}" tabindex="-1">${icon("done")}${format.say("earn.done")}</span>`; // the focus of the button stays
  const isHere = isClaim || kind === "referral" || (kind === "birthday" && !isKnown); // done in the panel, by members
  const about = html`class="button" aria-describedby="rule-${id}"`;
  if (guest && isHere) return html`<a ${about} href="${links.signup}">${format.say("guest.signup")}</a>`;
  const { url, label } = isHere && !isClaim ? { label: format.say(`earn.${kind}`) } : (button ?? {});
  if (!label || (isClaim && !isOpen)) return null;
  if (!isHere) return html`<a ${about} href="${url || (kind === "signup" ? links.signup : "/")}">${label}</a>`;
  const act = html`${about} id="way-${id}" data-do="${kind === "referral" ? "show" : "claim"}" data-with="${id}"`;
  return url ? html`<a ${act} href="${url}" target="_blank" rel="noopener">${label}</a>` : html`<button type="button" ${act}>${label}</button>`;
}

function card(rule, model) {
  const { id, kind, title, points_text: points, text, limit, limit_text: often, active_to: end, is_claim: isClaim, done } = rule;
  const { format, me, claims } = model;
  const { isSent, problem } = claims[`${me?.member.id} ${id}`] ?? {};
  const left = limit?.times > 1 && !done && format.say("earn.left", { left: format.number(limit.times - limit.used), times: format.number(limit.times) });
  const facts = [often, left, end && format.say("earn.until", { date: format.lastDay(end) })];
  const lines = [text, facts.filter(Boolean).join(" · "), isClaim && me && !done && format.say("earn.claim")].filter(Boolean);
  return html`<li class="card rule ${kind}"><span class="emblem">${icon(kind)}</span>
    <div id="rule-${id}"><h3>${title}</h3><p>${points}</p>${lines.map((line) => html`<small>${line}</small>`)}${problem && html`<small class="problem">${problem}</small>`}</div>${way(rule, model, isSent)}</li>`;
}

export function view(model) {
  const { program, me, format, shop } = model;
  if (!program) return skeleton;
  const { enabled, rules_html: text } = program.program;
  const { earn, referral } = me ?? program;
  const isOn = enabled !== false;
  const why = isOn ? "earn.empty" : "paused";
  const rules = isOn ? [...earn] : [];
  rules.sort((a, b) => (b.kind === "multiplier") - (a.kind === "multiplier")); // what will end comes first
  if (isOn && referral?.enabled) {
    const { advocate_text: mine, friend_text: theirs } = program.referral;
    rules.push({ id: "referral", kind: "referral", title: format.say("earn.friend"), points_text: mine || format.say("earn.theirs", { points: theirs }) });
  }
  return html`${
    rules.length > 0
      ? html`<ul role="list">${rules.map((rule) => card(rule, model))}</ul>`
      : blank("clock", format.say(`${why}.title`), format.say(`${why}.text`, { shop }))
  }${text && html`<section class="prose"><h3>${format.say("rules.title")}</h3>${trusted(text)}</section>`}`;
}
