/** Markup that is safe by construction: html`…` escapes every value that is not markup made here, and what stands in
 * href or src is an address of the web or "#". Only trusted() lets text in as it is: HTML that the server has cleaned. */

class Markup {
  #text;
  constructor(text) {
    this.#text = text;
  }
  toString() {
    return this.#text;
  }
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function webAddress(text) {
  try {
    return /^(https?|mailto|tel):$/.test(new URL(text, document.baseURI).protocol) ? text : "#";
  } catch {
    return "#";
  }
}

function placed(value, before) {
  if (value instanceof Markup) return `${value}`;
  if (Array.isArray(value)) return value.map((one) => placed(one, before)).join("");
  if (value === null || value === undefined || value === false) return "";
  const text = /\s(href|src)="$/.test(before) ? webAddress(`${value}`) : `${value}`;
  return text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]);
}

export function html(strings, ...values) {
  return new Markup(strings.reduce((text, part, i) => text + placed(values[i - 1], strings[i - 1]) + part));
}

export const trusted = (text) => new Markup(text ?? "");

/** For pages that demand Trusted Types: they allow `trusted-types lagniappe`. */
const policy = globalThis.trustedTypes?.createPolicy("lagniappe", { createHTML: (text) => text });

const shown = new WeakMap();

/** Shows `markup` in `target` unless it does already. Opened details stay open by their ids; the focus stays on what has the
 * same id or, without one, is the same. */
export function render(target, markup) {
  const text = `${markup}`;
  if (shown.get(target) === text) return;
  shown.set(target, text);
  const root = target.getRootNode();
  const kept = [...target.querySelectorAll("details[open]")].map(({ id }) => id);
  const focused = target.contains(root.activeElement) && root.activeElement;
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(text) : text;
  target.replaceChildren(template.content);
  for (const id of kept) root.getElementById(id)?.setAttribute("open", "");
  if (!focused) return;
  const { id, localName, outerHTML } = focused;
  const same = id ? root.getElementById(id) : [...target.querySelectorAll(localName)].find((one) => one.outerHTML === outerHTML);
  same?.focus({ preventScroll: true });
}
