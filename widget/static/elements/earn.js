/** The tab Earn points: every rule of the shop, each with the way to it, and how the program works. */
import { html, trusted } from "../html.js";
import { blank, icon, skeleton } from "./parts.js";

function way({ id, kind, done, button }, { me, guest, format, links }) {
  if (!guest && !me) return html`<i class="button waiting"></i>`;
  if (done) return html`<span class="done">${icon("done")}${format.say("earn.done")}</span>`;
  const url = button?.url || (kind === "signup" ? links.signup : "/");
  return button && html`<a class="button" href="${url}" aria-describedby="rule-${id}">${button.label}</a>`;
}

const card = (rule, model) => html`<li class="card rule"><span class="emblem">${icon(rule.kind)}</span>
  <div id="rule-${rule.id}"><h3>${rule.title}</h3><p>${rule.points_text}</p></div>${way(rule, model)}</li>`;

export function view(model) {
  const { program, me, format, shop } = model;
  if (!program) return skeleton;
  const { enabled, rules_html: text } = program.program;
  const rules = enabled === false ? [] : (me ?? program).earn;
  const why = enabled === false ? "paused" : "earn.empty";
  return html`${
    rules.length > 0
      ? html`<ul role="list">${rules.map((rule) => card(rule, model))}</ul>`
      : blank("clock", format.say(`${why}.title`), format.say(`${why}.text`, { shop }))
  }${text && html`<section class="prose"><h3>${format.say("rules.title")}</h3>${trusted(text)}</section>`}`;
}
