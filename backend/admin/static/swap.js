// <section id="grid" data-swap>: its links and its GET forms load the same page and put only the section in place, with the
// address in the browser's bar. <form data-live> goes out by itself when one of its fields changes.
// <section id="way" data-poll="2">: loaded again every so many seconds until it comes without data-poll, also after one that
// nobody answered.

import { ask, go as leave, isEmbedded, onPage, push } from "./page.js";

const turns = {}; // how often each part was asked for by hand

// An answer that comes when the page is another, or something else was asked for meanwhile, is nobody's any more.
const load = async (url, id) => {
  const [turn, { pathname }] = [turns[id], location];
  const isLate = () => turn !== turns[id] || pathname !== location.pathname;
  try {
    const answer = await ask(url, { headers: { "X-Requested-With": "fetch" } });
    if (answer.status >= 500) throw new Error(`${answer.status} from ${url}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (isLate()) return;
    const found = answer.ok && page.getElementById(id);
    const here = document.getElementById(id);
    if (!found || !here) return leave(url);
    here.replaceWith(found);
    watch(found);
    return found;
  } catch (error) {
    if (!isLate()) throw error;
  }
};

const go = async (part, url) => {
  turns[part.id] = (turns[part.id] ?? 0) + 1;
  part.setAttribute("aria-busy", "true");
  const focused = document.activeElement?.id;
  const shown = await load(url, part.id).catch(() => leave(url)); // the browser says what is wrong
  if (!shown) return;
  push(url);
  document.getElementById(focused)?.focus();
};

const watch = (part) => {
  const seconds = Number(part.dataset.poll);
  if (seconds) setTimeout(() => part.isConnected && load(location.href, part.id).catch(() => watch(part)), seconds * 1000);
};

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const part = link?.closest("[data-swap]");
  if (!part || link.target || link.download || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.pathname !== location.pathname || link.origin !== location.origin) return;
  event.preventDefault();
  go(part, link.href);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  const part = form.closest("[data-swap]");
  if (!part || form.method !== "get" || event.submitter?.hasAttribute("data-whole")) return;
  event.preventDefault();
  const url = new URL(form.action);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  go(part, url.href);
});

document.addEventListener("change", (event) => event.target.closest("form[data-live]")?.requestSubmit());
if (!isEmbedded) addEventListener("popstate", () => location.reload());
onPage(() => document.querySelectorAll("[data-poll]").forEach(watch));
