/** Everything that happened to the points, newest first, or what of it was of one kind; each row opens into its why. */
import { html } from "../html.js";
import { Pages } from "../pages.js";
import { blank, button, drawing, icon, skeleton, unread } from "./parts.js";
import "./signs.js";
import { why } from "./why.js";

/** The kinds of entry that leave the points that can be spent as they are. */
const ELSEWHERE = ["promise", "void", "capture"];

/** What the list can be narrowed down to; "" is everything. */
const KINDS = ["", "earned", "spent", "returned", "taken_back", "expired", "adjusted"];
const TABLE = "M12 4v11M7.5 11L12 15.5 16.5 11M5 20h14";

function entry(item, format) {
  const { id, kind, points, title, at } = item;
  const look = ELSEWHERE.includes(kind) ? "clock" : points < 0 ? "minus" : "plus";
  return html`<li><details id="entry-${id}" class="${look}"><summary><span class="emblem">${icon(look)}</span>
    <span class="what"><b>${title}</b><small>${format.day(at)}</small></span>
    <span class="points">${format.signed(points)}</span>${icon("open")}</summary>${why(item, format)}</details></li>`;
}

function empty(kind, format) {
  if (kind) return html`<p class="none">${format.say("activity.none")}</p>`;
  return blank("clock", format.say("activity.empty.title"), format.say("activity.empty.text"), button("show", format.say("tab.earn"), "earn"));
}

const choice = (kind, format) => html`<label class="kind"><span>${format.say("activity.show")}</span><select id="kind">${KINDS.map(
  (one) => html`<option value="${one}" ${one === kind && html`selected`}>${format.say(`activity.kind.${one || "all"}`)}</option>`,
)}</select>${icon("open")}</label>`;

/** The name of the file that keeps it all: the shop's and today's, without what file systems refuse. */
function fileName({ shop, format }, now = new Date()) {
  const day = new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 10);
  const name = `${shop ?? ""} ${format.unit()} ${day}`.replace(/[\p{Cc}\p{Cf}\\/:*?"<>|]+/gu, " ");
  return `${name.trim().replace(/\s+/g, "-")}.csv`;
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000); // some browsers read it only later
}

/** The list in one panel. It keeps what was read of each kind while the panel is there, and which one was chosen. */
export function activityIn(panel) {
  let owner = null;
  let kind = "";
  let lists = new Map();
  let isSaving = false;

  function pages() {
    const of = kind;
    if (!lists.has(of)) lists.set(of, new Pages((after) => panel.page("activity", after, of), () => panel.changed()));
    return lists.get(of);
  }

  async function look() {
    const { identity } = panel.model;
    if (identity !== owner) {
      for (const list of lists.values()) list.forget();
      lists = new Map();
      kind = "";
    }
    owner = identity;
    await pages().recent();
  }

  panel.dialog.addEventListener("change", ({ target }) => {
    if (target.id !== "kind") return;
    kind = target.value;
    panel.changed();
    look();
  });

  Object.assign(panel.verbs, {
    more: async () => {
      const known = pages().values.items?.length;
      await (known ? pages().more() : look());
      if (known) panel.part("panel-balance").querySelectorAll("summary")[known]?.focus();
    },
    table: async () => {
      if (isSaving) return;
      isSaving = true;
      panel.changed();
      const { model } = panel;
      try {
        save(await panel.file("me/activity.csv"), fileName(model));
        panel.say(model.format.say("activity.table.done"));
      } catch ({ kind: what, wait }) {
        panel.say(model.format.say(what === "busy" ? "problem.busy.text" : `problem.${what}.title`, { n: wait }));
      }
      isSaving = false;
      panel.changed();
    },
  });

  function view({ identity, format }) {
    const { items, next, loading, stuck } = identity === owner ? pages().values : {};
    const more = loading ? "loading" : stuck ? "retry" : "activity.more";
    const isEmpty = items?.length === 0 && !kind;
    return html`<section class="activity"><div class="bar"><h3>${format.say("activity.title")}</h3>${items && !isEmpty || kind ? choice(kind, format) : null}</div>${
      items?.length > 0
        ? html`<ul class="card" role="list">${items.map((item) => entry(item, format))}</ul>`
        : items
          ? empty(kind, format)
          : stuck
            ? unread("more", format)
            : skeleton
    }${items && (stuck || next) && button("more", format.say(more))}${
      items && !isEmpty && html`<button type="button" class="table" data-do="table" id="table" aria-disabled="${String(isSaving)}">${drawing(TABLE)}${format.say(isSaving ? "loading" : "activity.table")}</button>`
    }</section>`;
  }

  return { view, look };
}
