/* The launcher. The server fills the object between the marks for one shop: docs/widget.md. */
(() => {
  const look = /*look*/ {
    "key": "", "base": "", "panel": "", "label": "Rewards", "accent": "#4f46e5", "ink": "#ffffff", "position": "right",
    "sorry": "This cannot be loaded right now. Please try again."
  } /*look*/;
  const name = "lagniappe-widget";
  const script = document.currentScript;

  const styles = (side) => `
:host { display: contents !important }
[part] {
  all: initial; position: fixed; z-index: var(--lagniappe-z, 2147483000); ${side}: var(--lagniappe-offset-x, 20px);
  bottom: calc(var(--lagniappe-offset-y, 20px) + env(safe-area-inset-bottom)); padding: 0 20px;
  font: 600 16px/40px var(--lagniappe-font, system-ui, sans-serif);
  color: var(--lagniappe-accent-ink, ${look.ink}); background: var(--lagniappe-accent, ${look.accent}); border-radius: 28px; box-shadow: 0 8px 24px #0004;
}
[part=launcher] { display: flex; align-items: center; gap: 10px; height: 56px; cursor: pointer; transition: transform .2s }
[part=launcher]::before {
  content: ""; width: 24px; height: 24px; background: currentColor; forced-color-adjust: none;
  clip-path: path("M2 7h9v5H2zM13 7h9v5h-9zM4 14h7v8H4zM13 14h7v8h-7zM12 6C7 6 5 5 5 3S10 1 12 6C14 1 19 1 19 3S17 6 12 6z");
}
[part]:hover { transform: translateY(-2px) }
[part]:focus-visible { outline: 3px solid var(--lagniappe-accent, ${look.accent}); outline-offset: 3px; box-shadow: 0 0 0 3px #fff }
[part=sorry] { max-width: calc(100vw - 80px); margin-bottom: 68px; padding: 10px 20px; line-height: 24px }
[part]:empty { display: none }
@media (max-width: 480px) { [part=launcher] { padding: 0 16px } [part] span { position: absolute; clip-path: inset(50%) } }
@media (prefers-reduced-motion) { [part] { transition: none } }
@media print { :host { display: none !important } }`;

  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

  class Widget extends HTMLElement {
    #panel;
    #said;

    connectedCallback() {
      if (this.shadowRoot) return;
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(styles((this.getAttribute("position") || look.position) === "left" ? "left" : "right"));
      root.adoptedStyleSheets = [sheet];

      const button = make("button", { type: "button", part: "launcher", ariaHasPopup: "dialog" });
      button.append(make("span", { textContent: look.label }));
      this.#said = make("p", { part: "sorry", role: "status" });
      root.append(button, this.#said);

      const wake = () => this.#wake().catch(() => {});
      button.addEventListener("pointerenter", wake);
      button.addEventListener("focus", wake);
      button.addEventListener("click", () => this.open());
    }

    async open(tab) {
      this.#said.textContent = "";
      try {
        (await this.#wake()).open(tab);
      } catch {
        this.#said.textContent = look.sorry;
      }
    }

    #wake() {
      return (this.#panel ??= import(look.panel)
        .then((module) => module.panel(this, look))
        .catch((error) => {
          this.#panel = null;
          look.panel += "#"; // another module to a browser that remembers the failure
          throw error;
        }));
    }
  }

  const friend = new URLSearchParams(location.search).get("ref");
  if (/^[\w-]{1,64}$/.test(friend ?? "")) {
    try {
      localStorage.setItem(`lagniappe:${look.key}:ref`, JSON.stringify([friend, Date.now()]));
    } catch {} // a browser that keeps nothing
  }

  const add = () => {
    if (document.querySelector(name)) return;
    const widget = make(name);
    for (const { name: key, value } of script?.attributes ?? []) {
      if (/^data-(identity|locale|position|tier|cart-\w+|.*-url)$/.test(key)) widget.setAttribute(key.slice(5), value);
    }
    document.body.append(widget);
    document.dispatchEvent(new CustomEvent("lagniappe:ready"));
  };
  // A block, there from the beginning or put in later, brings what it needs when the page has been painted.
  const block = (path) => class extends HTMLElement {
    connectedCallback() {
      const wake = () => import(new URL(path, look.panel)).then((module) => module.show(this, look), () => {});
      requestAnimationFrame(() => setTimeout(wake));
    }
  };
  if (!customElements.get(name)) {
    customElements.define(name, Widget);
    for (const kind of ["cart", "product", "purchase"]) customElements.define(`lagniappe-${kind}-points`, block("blocks/points.js"));
    customElements.define("lagniappe-balance", block("blocks/balance.js"));
  }
  if (document.body) add();
  else document.addEventListener("DOMContentLoaded", add);
})();
