/** What every tab is made with: pictures, and what stands in place of content. */
import { html } from "../html.js";

/** Line drawings on a 24 by 24 grid; the star is for what has none of its own. Those that no opening needs are in signs.js. */
export const LINES = {
  earn: "M12 3l2.2 6.3 6.3 2.2-6.3 2.2L12 20l-2.2-6.3-6.3-2.2 6.3-2.2zM19 3v4M17 5h4",
  redeem: "M4 11h16v9H4zM3 7h18v4H3zM12 7v13M12 7C6 8 7 2 9.5 3.5 11 4.5 12 7 12 7s1-2.5 2.5-3.5C17 2 18 8 12 7",
  rewards: "M3 6h18v4.5a1.7 1.7 0 0 0 0 3.4V18H3v-4.1a1.7 1.7 0 0 0 0-3.4zM14.5 6v2.5M14.5 11v2.5M14.5 15.8V18",
  balance: "M4 7.5a8 3.5 0 0 0 16 0 8 3.5 0 0 0-16 0v9a8 3.5 0 0 0 16 0v-9M4 12a8 3.5 0 0 0 16 0",
  order: "M5 8h14l1 13H4zM8.5 11V7a3.5 3.5 0 0 1 7 0v4",
  signup: "M10 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 21c0-9 14-9 14 0M19 8v6M16 11h6",
  referral: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-8 13-8 13 0M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14c2.5 1 3.5 3 3.5 6",
  product: "M4 12.5V4h8.5L21 12.5 12.5 21zM8.5 8.5v.1",
  review: "M4 5h16v11h-9l-5 4v-4H4zM8 9h8M8 12.5h5",
  multiplier: "M13 3L5 14h6l-1 7 9-12h-6z",
  newsletter: "M3 6h18v12H3zM3 7l9 6.5L21 7",
  follow: "M12 20C-4 11 6-1 12 7c6-8 16 4 0 13z",
  share: "M12 15V3.5M8 7l4-4 4 4M5 12v8h14v-8",
  birthday: "M4 20h16M5 20v-8h14v8M5 16q2.3 2 4.6 0t4.7 0 4.7 0M12 12V8M12 5v.5",
  close: "M6 6l12 12M18 6L6 18",
  done: "M5 12.5l4.5 4.5L19 7.5",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5.5l3.5 2",
  alert: "M12 4l9.5 16.5h-19zM12 10v4.5M12 17.5v.1",
  level: "M12 20.5a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM8.5 9.5L5.5 3.5h13l-3 6M12 12v5",
};

export const drawing = (lines) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${lines}"/></svg>`;

export const icon = (name) => drawing(LINES[name] ?? LINES.earn);

export const skeleton = html`<div class="skeleton">${[1, 2, 3].map(() => html`<div class="card"><i></i><b></b></div>`)}</div>`;

/** A button inside the panel; `verb` is one of panel.js. */
export function button(verb, label, given) {
  return html`<button type="button" class="button" data-do="${verb}" data-with="${given}">${label}</button>`;
}

/** A quiet picture, a sentence, more of it, and perhaps a way on. */
export function blank(picture, title, text, way) {
  return html`<div class="blank">${icon(picture)}<h3>${title}</h3><p>${text}</p>${way}</div>`;
}

const remedy = ({ kind }, format) => (kind === "expired" ? button("reload", format.say("reload")) : button("retry", format.say("retry")));

/** In place of what cannot be shown because of `problem`. */
export function failure(problem, format) {
  const { kind, wait, detail } = problem;
  if (detail) return blank("clock", detail); // a reason in the shop's words: to try again would not change it
  const [title, text] = ["title", "text"].map((part) => format.say(`problem.${kind}.${part}`, { n: wait }));
  return blank(kind === "failed" || kind === "offline" ? "alert" : "clock", title, text, remedy(problem, format));
}

/** In place of a list that could not be read; `verb` reads it again. */
export function unread(verb, format) {
  const text = `problem.${navigator.onLine ? "failed" : "offline"}.text`;
  return blank("alert", format.say("problem.failed.title"), format.say(text), button(verb, format.say("retry")));
}

/** Above what is older than it should be. */
export function notice(problem, format) {
  return html`<div class="notice">${icon("alert")}<p>${format.say(`problem.${problem.kind}.title`)}</p>${remedy(problem, format)}</div>`;
}
