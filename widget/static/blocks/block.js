/** What all blocks share: a line in the page's own type and colour, which is blank until there is something true to say. */

const GIFT = "M2 7h9v5H2zM13 7h9v5h-9zM4 14h7v8H4zM13 14h7v8h-7zM12 6C7 6 5 5 5 3S10 1 12 6C14 1 19 1 19 3S17 6 12 6z";
const STYLE = `
:host { display: block }
:host([hidden]) { display: none }
[part=line] { all: unset; display: flex; gap: .5em; overflow-wrap: anywhere; text-wrap: pretty }
[part=line]::before { content: "\\200b"; width: 0; margin-inline-end: -.5em }
[part=icon] { flex: none; width: 1em; height: 1lh; fill: var(--lagniappe-accent, currentColor) }
[part=text] { min-width: 0 }
:is(button, a) { all: unset; cursor: pointer; text-decoration: underline from-font; text-decoration-color: color-mix(in srgb, currentColor 40%, transparent); text-underline-offset: .2em }
:is(button, a):hover { text-decoration-color: currentColor }
:is(button, a):focus-visible { outline: 2px solid; outline-offset: 3px; border-radius: 2px }
[part=more]::before { content: "· "; content: "· " / "" }`;

const blocks = new WeakMap();

const element = (tag, part, text) => {
  const made = document.createElement(tag);
  made.setAttribute("part", part);
  made.textContent = text;
  return made;
};

function picture() {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  const attributes = { part: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" };
  for (const name in attributes) svg.setAttribute(name, attributes[name]);
  path.setAttribute("d", GIFT);
  svg.append(path);
  return svg;
}

export const widget = () => document.querySelector("lagniappe-widget");

/** The block's attribute, else the widget's. */
export const given = (host, name) => host.getAttribute(name) || widget()?.getAttribute(name) || "";

/** Opens the panel at a tab. */
export function opener(text, tab) {
  const button = element("button", "open", text);
  button.type = "button";
  button.addEventListener("click", () => widget()?.open(tab));
  return button;
}

/** A way to a page of the store; null if the address is none of the web. */
export function link(text, url) {
  const made = element("a", "open", text);
  made.href = url;
  return url && /^https?:$/.test(made.protocol) ? made : null;
}

export const more = (text) => element("span", "more", text);

/** One block on a page. `read(host, signal)` brings what it says: `{ lang, parts }`, texts and elements, or nothing. */
class Block {
  #host;
  #line = element("p", "line", "");
  #read;
  #reading;
  #turn;

  constructor(host, read) {
    this.#host = host;
    this.#read = read;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#line.dir = "auto";
    root.append(this.#line);
    const changes = new MutationObserver(() => this.look());
    for (const watched of [host, widget()]) if (watched) changes.observe(watched, { attributes: true });
  }

  /** Reads again, once however much has changed; an answer to what was asked before is dropped. */
  look() {
    this.#turn ??= Promise.resolve().then(() => {
      this.#turn = null;
      this.#reading?.abort();
      if (this.#host.isConnected) this.#show((this.#reading = new AbortController()).signal);
    });
  }

  async #show(signal) {
    const said = await this.#read(this.#host, signal).catch(() => null);
    if (signal.aborted) return;
    const parts = said?.parts.filter(Boolean) ?? [];
    const text = element("span", "text", "");
    text.append(...parts.flatMap((part) => [part, " "]));
    this.#line.lang = said?.lang ?? "";
    this.#line.replaceChildren(...(parts.length ? [picture(), text] : []));
  }
}

/** Makes `host` a block and returns it; one that it is already looks again. */
export function block(host, read) {
  const made = !blocks.has(host) && new Block(host, read);
  if (made) blocks.set(host, made);
  blocks.get(host).look();
  return made;
}
