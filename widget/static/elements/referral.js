/** The tab Referral program: the member's link and the ways to share it, what each side gets, and what became of each friend. */
import { html } from "../html.js";
import { Pages } from "../pages.js";
import { copied } from "./copy.js";
import { blank, button, drawing, icon, skeleton, unread } from "./parts.js";
import "./signs.js";

const COPY = "M9 9h11v11H9zM5 15H4V4h11v1";
const MAIL = "M3 6h18v12H3zM3 7l9 6.5L21 7";
const CHAT = "M4 20l1.3-4.2a8 8 0 1 1 3 2.9zM9 11.5h.1M12.5 11.5h.1M16 11.5h.1";
const COPIED_FOR = 4000; // ms for which the button says so

/** What has become of a friend, as a drawing. */
const DRAWN = { visited: "clock", registered: "signup", qualified: "hourglass", rewarded: "done", rejected: "minus" };

/** What each side gets, and for what, in one sentence or two. */
function promise({ advocate, friend, reward_when: when }, format) {
  const [mine, theirs] = [advocate?.text, friend?.text];
  const sides = mine && theirs ? "both" : mine ? "mine" : "theirs";
  return html`${format.say(`referral.${sides}`, { mine, theirs })} ${format.say(`referral.when.${when}`)}`;
}

/** What is sent to a friend: the words, and the link if they do not hold it already. */
const message = ({ share_text: text, url }) => (text?.includes(url) ? text : [text, url].filter(Boolean).join(" "));

function ways(about, format) {
  if (navigator.share) return html`<button type="button" class="button" data-do="share">${icon("share")}${format.say("referral.share")}</button>`;
  const text = encodeURIComponent(message(about));
  const way = (url, lines, label) => html`<a class="button" href="${url}" target="_blank" rel="noopener">${drawing(lines)}${label}</a>`;
  return html`${way(`mailto:?subject=${encodeURIComponent(format.say("referral.subject"))}&body=${text}`, MAIL, format.say("referral.mail"))}
    ${way(`https://wa.me/?text=${text}`, CHAT, "WhatsApp")}`;
}

function counted({ counts, earned_text: earned }, format) {
  const joined = ["registered", "qualified", "rewarded"].reduce((sum, state) => sum + (counts[state] ?? 0), 0); // each friend is counted where they are
  const figures = Object.entries({ visited: counts.visited, registered: joined, rewarded: counts.rewarded }).map(
    ([state, many]) => html`<div><dt>${format.say(`referral.count.${state}`)}</dt><dd>${format.number(many ?? 0)}</dd></div>`,
  );
  return html`<dl class="counts">${figures}</dl>${counts.rewarded > 0 && html`<p class="earned">${icon("earn")}${format.say("referral.earned", { points: earned })}</p>`}`;
}

/** The name stands above where the sentence, or everybody, does not hold it. */
function row({ id, name, state, at, text }, format) {
  const title = name || format.say("referral.somebody");
  return html`<li class="${state}" id="friend-${id}" tabindex="-1"><span class="emblem">${icon(DRAWN[state] ?? "referral")}</span>
    <span class="what">${state !== "visited" && !text.includes(title) && html`<b>${title}</b>`}<span>${text}</span><small>${format.day(at)}</small></span></li>`;
}

export function begin(panel) {
  const friends = new Pages(read, () => panel.changed());
  let owner = null;
  let about = null;
  let isCopied = false;
  let timer;

  async function read(after) {
    const { friends: items, next, ...rest } = await panel.page("referral", after);
    about = rest;
    return { items, next };
  }

  async function look() {
    const { identity } = panel.model;
    if (identity !== owner) {
      friends.forget();
      about = null;
      isCopied = false;
    }
    owner = identity;
    await friends.recent();
  }

  function people({ format }) {
    const { items, next, loading, stuck } = friends.values;
    if (items.length === 0) return blank("referral", format.say("referral.empty.title"), format.say("referral.empty.text"));
    return html`<section class="friends"><h3>${format.say("referral.friends")}</h3>${counted(about, format)}
      <ul class="card" role="list">${items.map((one) => row(one, format))}</ul>
      ${(next || stuck) && button("friends", format.say(loading ? "loading" : stuck ? "retry" : "referral.more"))}</section>`;
  }

  function view(model) {
    const { format, identity } = model;
    const isOurs = identity === owner;
    if (!isOurs || !friends.values.items) {
      return isOurs && friends.values.stuck ? unread("friends", format) : skeleton;
    }
    const label = format.say(isCopied ? "referral.copied" : "referral.copy");
    return html`<section class="card invite"><h3>${format.say("referral.title")}</h3><p>${promise(about, format)}</p>
      <label for="link">${format.say("referral.link")}</label>
      <div class="link"><input id="link" type="url" readonly value="${about.url}" dir="ltr" data-do="mark-link">
        <button type="button" class="button" id="copy-link" data-do="copy-link">${isCopied ? icon("done") : drawing(COPY)}${label}</button></div>
      <p class="share">${ways(about, format)}</p></section>${people(model)}`;
  }

  Object.assign(panel.verbs, {
    friends: async () => {
      const known = new Set(friends.values.items?.map(({ id }) => id));
      await (friends.values.items ? friends.more() : look());
      const first = friends.values.items?.find(({ id }) => !known.has(id));
      if (known.size > 0 && first) panel.part(`friend-${first.id}`)?.focus();
    },
    "mark-link": () => panel.part("link").select(),
    "copy-link": async () => {
      const { format } = panel.model;
      isCopied = await copied(about.url, panel.dialog);
      if (!isCopied) panel.part("link").select();
      panel.say(format.say(isCopied ? "referral.copied.said" : "referral.copy.failed"));
      panel.changed();
      clearTimeout(timer);
      timer = setTimeout(() => {
        isCopied = false;
        panel.changed();
      }, COPIED_FOR);
    },
    share: async () => {
      const { share_text: text, url } = about;
      try {
        await navigator.share({ text: text?.replace(url, "").trim(), url });
      } catch ({ name }) {
        if (name !== "AbortError") panel.say(panel.model.format.say("problem.failed.title")); // who only looked changed their mind
      }
    },
  });

  return { view, look };
}
