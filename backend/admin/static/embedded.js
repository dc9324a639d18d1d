// Inside Shopify's admin, in a frame of another site. A browser sends no cookies from there, so links and forms do not leave
// the document: each page is asked for with Shopify's word for who asks, and put in place of the one before it.

import { isSure } from "./confirm.js";
import { ask, hasMoved, push } from "./page.js";
import { isUnsaved } from "./unsaved.js";

const PROOFS = ["id_token", "hmac", "session", "timestamp", "token_again", "said"];
const OF_SHOPIFY = [...PROOFS, "embedded", "host", "locale", "shop"];
const app = document.querySelector('meta[name="lagniappe-app"]').content; // this app in the shop's admin

const isPage = ({ origin, pathname }) => origin === location.origin && /^\/admin(\/(?!static\/)|$)/.test(pathname);

const without = (names, address) => {
  const url = new URL(address, location.href);
  for (const name of names) url.searchParams.delete(name);
  return url.href;
};

const pageOf = (address) => without(OF_SHOPIFY, address).split("#")[0];

// A page more ---------------------------------------------------------------------------------------------------------

let latest = 0;
let isSending = false;

// GET, or POST with a body. `at`: where the page is scrolled to; null: it is another page, with an address of its own.
const visit = async (address, { body, at = null } = {}) => {
  const turn = ++latest;
  const url = new URL(address, location.href);
  isSending = Boolean(body);
  document.getElementById("main")?.setAttribute("aria-busy", "true");
  globalThis.shopify?.loading?.(true);
  try {
    const answer = await ask(url.href, body ? { method: "POST", body } : {});
    if (turn !== latest) return;
    if (!isHtml(answer) && !answer.ok) return tell("That did not work. Try it again in a moment.");
    if (!isHtml(answer) || isFile(answer)) return await keep(answer);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    await dress(page);
    if (turn !== latest) return;
    const found = without(OF_SHOPIFY, answer.url) + (answer.redirected ? "" : url.hash);
    // what a form is answered at once, such as what is wrong with it, stands at no address of its own
    if (at === null && (!body || answer.redirected) && found !== location.href) push(found);
    show(page, at);
  } catch (error) {
    if (turn === latest) tell("No answer came. Try it again.");
    console.error(error);
  } finally {
    if (turn === latest) {
      isSending = false;
      globalThis.shopify?.loading?.(false);
      document.getElementById("main")?.removeAttribute("aria-busy");
    }
  }
};

// The page's stylesheets are here before it is shown, those of the page before it only until then.
const dress = async (page) => {
  const has = new Set([...document.head.querySelectorAll("link[rel=stylesheet]")].map(({ href }) => href));
  const missing = [...page.head.querySelectorAll("link[rel=stylesheet]")].filter(({ href }) => !has.has(href));
  await Promise.all(
    missing.map((sheet) => {
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet.href });
      const came = new Promise((done) => (link.onload = link.onerror = done));
      document.head.append(link);
      return came;
    }),
  );
};

const show = (page, at) => {
  const wanted = new Set([...page.head.querySelectorAll("link[rel=stylesheet]")].map(({ href }) => href));
  for (const sheet of document.head.querySelectorAll("link[rel=stylesheet]")) if (!wanted.has(sheet.href)) sheet.remove();
  document.title = page.title;
  document.body.className = page.body.className;
  const menus = [document, page].map((each) => each.querySelector("s-app-nav"));
  if (menus[0] && menus[0].outerHTML === menus[1]?.outerHTML) menus[1].replaceWith(menus[0]); // Shopify shows it already
  document.body.replaceChildren(...page.body.childNodes);
  const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  focusOn(place || document.querySelector("[autofocus]") || document.querySelector("h1"));
  if (place && !at) place.scrollIntoView();
  else scrollTo(0, at ?? 0);
  dispatchEvent(new CustomEvent("lagniappe:page"));
  run(page);
};

const focusOn = (part) => {
  if (!part) return;
  if (part.tabIndex < 0) part.tabIndex = -1;
  part.focus({ preventScroll: true });
};

// Scripts that no page before has brought. Those that are here have heard of the page.
const run = (page) => {
  const has = new Set([...document.scripts].map(({ src }) => src));
  for (const { src } of page.scripts) {
    if (!src || has.has(src)) continue;
    document.head.append(Object.assign(document.createElement("script"), { type: "module", src }));
  }
};

const tell = (text) => {
  const notice = Object.assign(document.createElement("p"), { className: "notice warn", textContent: text });
  (document.querySelector(".said") ?? document.querySelector("main"))?.replaceChildren(notice);
};

// Files ---------------------------------------------------------------------------------------------------------------

const isHtml = ({ headers }) => headers.get("Content-Type")?.startsWith("text/html");

const isFile = ({ headers }) => headers.get("Content-Disposition")?.startsWith("attachment");

const keep = async (answer) => {
  const name = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "file";
  const href = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
};

// What leads to a page ------------------------------------------------------------------------------------------------

const leave = async (address) => {
  if (!isUnsaved() || (await isSure("Leave without saving what you changed?", "Leave"))) visit(address);
};

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href], s-link[href]"); // the latter: of Shopify's menu, which may click on it
  if (event.defaultPrevented || event.button || !link) return;
  const url = new URL(link.getAttribute("href"), location.href);
  if (!/^https?:$/.test(url.protocol)) return;
  const isBeside = event.ctrlKey || event.metaKey || event.shiftKey || (link.target && link.target !== "_self");
  if (!isBeside && url.hash && pageOf(url.href) === pageOf(location.href)) return; // a place on this page
  event.preventDefault();
  if (!isPage(url)) open(url.href, "_blank", "noopener");
  else if (isBeside) open(app + url.pathname + url.search, "_blank", "noopener");
  else leave(url.href);
});

// What a form needs of Shopify is asked for first; it is sent whatever the answer, and the page says what is missing.
const granting = async (scopes) => {
  try {
    await globalThis.shopify?.scopes?.request(scopes);
  } catch (error) {
    console.error(error);
  }
};

const scopesOf = (form) => {
  const chosen = [...form.querySelectorAll("option[data-scope]:checked")].filter((option) => !option.closest("[hidden]"));
  return [form, ...chosen].flatMap((each) => each.dataset.scope?.split(" ") ?? []);
};

addEventListener("submit", (event) => {
  const { target: form, submitter: by } = event;
  const said = (name) => by?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? "";
  const method = said("method").toLowerCase() || "get";
  const url = new URL(said("action") || location.href, location.href);
  if (event.defaultPrevented || method === "dialog" || !isPage(url)) return;
  event.preventDefault();
  if (isSending) return;
  const data = new FormData(form, by);
  const words = new URLSearchParams([...data].map(([name, value]) => [name, value instanceof File ? value.name : value]));
  if (method === "post") {
    const send = () => visit(url.href, { body: said("enctype") === "multipart/form-data" ? data : words });
    const scopes = scopesOf(form);
    if (scopes.length === 0 || by?.name === "do") return send(); // the latter is no saving
    isSending = true; // while somebody is asked: pressed twice is one
    return granting(scopes).then(send);
  }
  url.search = words;
  return visit(url.href);
});

addEventListener("lagniappe:go", (event) => {
  event.preventDefault();
  visit(event.detail);
});

// The menu that Shopify shows beside the frame.
document.addEventListener("shopify:navigate", (event) => {
  event.preventDefault();
  leave(event.target.getAttribute("href"));
});

history.scrollRestoration = "manual";
addEventListener("popstate", (event) => hasMoved() && visit(location.href, { at: event.state?.scroll ?? 0 }));

// No token stays in the address, nor a notice that was read.
history.replaceState(history.state, "", without(PROOFS, location.href));
hasMoved();
