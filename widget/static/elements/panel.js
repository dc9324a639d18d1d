/** The panel: one dialog in the widget's shadow root, and its tabs. */
import { Api } from "../api.js";
import { palette } from "../color.js";
import { announce, onAction } from "../events.js";
import { Format } from "../format.js";
import { html, render } from "../html.js";
import { State } from "../state.js";
import { view as earn } from "./earn.js";
import { head } from "./head.js";
import { failure, icon, notice, skeleton } from "./parts.js";
import { onTabKeys, tabList } from "./tabs.js";

/** A tab is one line: do visitors have it, and what shows it, view(model) → markup; its module and sheet come when it is chosen. */
const TABS = [
  { id: "earn", guests: true, view: earn },
  { id: "balance", module: () => import("./balance.js"), sheet: "styles/balance.css" },
];
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
const PHONE = "(max-width: 480px)";

export class Panel {
  #host;
  #look;
  #locale;
  #words;
  #stylesheet;
  #format;
  #state;
  #dialog = document.createElement("dialog");
  #colors = new CSSStyleSheet();
  #tab = TABS[0];
  #program = null;
  #available;
  #opening;

  constructor(host, look, { locale, language, words, sheet, stylesheet }) {
    this.#host = host;
    this.#look = look;
    this.#locale = locale;
    this.#words = words;
    this.#stylesheet = stylesheet;
    this.#format = new Format(words, locale);
    this.#state = new State(new Api(look, locale), look.key, () => this.#changed());
    const root = host.shadowRoot;
    const side = (host.getAttribute("position") || look.position) === "left" ? "left" : "right";
    const attributes = { role: "dialog", "aria-modal": "true", "aria-labelledby": "title", class: side, lang: language };
    for (const name in attributes) this.#dialog.setAttribute(name, attributes[name]);
    this.#dialog.dir = RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";
    render(this.#dialog, html`<div class="panel"><div id="bar"><div><h2 id="title" tabindex="-1"></h2><p id="shop"></p></div>
      <button type="button" class="close" data-do="close" aria-label="${this.#format.say("close")}">${icon("close")}</button></div>
      <div class="scroll"><div id="head"></div><div id="tabs" role="tablist" aria-labelledby="title"></div><div id="notice"></div>
      ${TABS.map(({ id }) => html`<div role="tabpanel" id="panel-${id}" aria-labelledby="tab-${id}" tabindex="0"></div>`)}</div>
      <p id="said" role="status"></p></div>`);
    root.append(this.#dialog);
    root.adoptedStyleSheets.push(this.#colors, sheet);
    this.#state.program().catch(() => {}); // asked again, and told, by refresh()
  }

  open() {
    const dialog = this.#dialog;
    if (dialog.matches(":modal")) return;
    this.#closed(); // as it is not, if the page took the widget away and put it back
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    onTabKeys(this.#part("tabs"), (id) => this.#show(id), signal);
    onAction(dialog, {
      close: () => this.close(),
      reload: () => location.reload(),
      retry: () => (this.#tab.lost ? this.#show(this.#tab.id) : this.#refresh()),
      more: () => this.#more(),
      show: (id) => this.#show(id),
    }, signal);
    let pressed;
    dialog.addEventListener("pointerdown", ({ target }) => (pressed = target), { signal });
    dialog.addEventListener("click", ({ target }) => target === dialog && pressed === dialog && this.close(), { signal });
    dialog.addEventListener("keydown", (event) => this.#keepFocus(event), { signal });
    dialog.addEventListener("close", () => dialog.open || this.#closed(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#refresh(), { signal });
    if (matchMedia(PHONE).matches) import("./pull.js").then(({ closeByPull }) => closeByPull(this.#part("bar"), dialog, signal), () => {});
    this.#part("said").textContent = "";
    this.#refresh();
    this.#changed();
    this.#paint();
    dialog.showModal();
    this.#part("title").focus();
    this.#launcher.ariaExpanded = "true";
    announce("opened");
  }

  close() {
    this.#dialog.close();
  }

  #closed() {
    this.#opening?.abort();
    this.#dialog.close();
    this.#launcher.ariaExpanded = "false";
    this.#launcher.focus();
  }

  get #launcher() {
    return this.#host.shadowRoot.querySelector("button");
  }

  #part(id) {
    return this.#host.shadowRoot.getElementById(id);
  }

  #keepFocus(event) {
    if (event.key !== "Tab") return;
    const stops = [...this.#dialog.querySelectorAll("a[href], button, summary, [tabindex]")].filter(
      (element) => element.tabIndex >= 0 && element.getClientRects().length > 0,
    );
    const { activeElement } = this.#host.shadowRoot;
    const last = event.shiftKey ? activeElement === stops[0] || !stops.includes(activeElement) : activeElement === stops.at(-1);
    if (!last) return;
    event.preventDefault();
    stops.at(event.shiftKey ? -1 : 0).focus();
  }

  /** The accent is the page's own where its style sheet sets one, else the program's, else the launcher's. */
  #paint() {
    const own = getComputedStyle(this.#host).getPropertyValue("--lagniappe-accent");
    const pen = document.createElement("canvas").getContext("2d"); // reads every way of writing a colour
    pen.fillStyle = this.#look.accent;
    pen.fillStyle = own || this.#program?.appearance.accent;
    this.#colors.replaceSync(palette(pen.fillStyle));
  }

  async #refresh() {
    if (!this.#host.isConnected) return this.#closed();
    await this.#state.refresh(this.#host.getAttribute("identity") || null, this.#tab.id === "balance");
    const { problem } = this.#state.values;
    if (!problem?.wait) return;
    const again = setTimeout(() => this.#refresh(), problem.wait * 1000);
    this.#opening.signal.addEventListener("abort", () => clearTimeout(again));
  }

  async #more() {
    const { length } = this.#state.values.items;
    await this.#state.more();
    this.#dialog.querySelectorAll("summary")[length]?.focus();
  }

  /** Chooses a tab: what it is made of comes now, with a skeleton in its place. */
  async #show(id) {
    const tab = TABS.find((one) => one.id === id);
    tab.lost = null;
    this.#tab = tab;
    this.#changed();
    this.#part(`tab-${id}`).focus();
    if (id === "balance" && !this.#state.values.items) this.#state.recent();
    if (tab.view) return;
    try {
      const [{ view }, sheet] = await Promise.all([tab.module(), this.#stylesheet(tab.sheet)]);
      this.#host.shadowRoot.adoptedStyleSheets.push(sheet);
      tab.view = view;
    } catch {
      tab.lost = failure({ kind: "failed" }, this.#format);
    }
    this.#changed();
  }

  /** Shows what is known now. */
  #changed() {
    const { values } = this.#state;
    const { program, me, problem } = values;
    const guest = !this.#host.getAttribute("identity");
    if (program !== this.#program) {
      this.#program = program;
      this.#format = new Format(this.#words, this.#locale, program);
      this.#paint();
    }
    const format = this.#format;
    const tabs = TABS.filter(({ guests }) => guests || !guest);
    if (!tabs.includes(this.#tab)) this.#tab = tabs[0];
    const { shop = {}, appearance } = program ?? {};
    const link = (name) => this.#host.getAttribute(`${name}-url`) || shop[`${name}_url`] || "/";
    const model = { ...values, format, guest, shop: shop.name, links: { signup: link("signup"), login: link("login") } };
    const ready = program && (guest || me);
    const lost = ready ? null : problem;
    this.#dialog.ariaBusy = String(!ready && !lost);
    this.#part("title").textContent = appearance?.launcher_label ?? this.#look.label;
    this.#part("shop").textContent = model.shop;
    render(this.#part("head"), lost ? html`` : head(model));
    render(this.#part("tabs"), tabList(tabs, this.#tab.id, format));
    render(this.#part("notice"), problem && !lost ? notice(problem, format) : html``);
    for (const tab of TABS) {
      const panel = this.#part(`panel-${tab.id}`);
      panel.hidden = tab !== this.#tab;
      if (!panel.hidden) render(panel, lost ? failure(lost, format) : (tab.view?.(model) ?? tab.lost ?? skeleton));
    }
    this.#tell(me?.balance.available, format);
  }

  /** Points that have come since the last look are said, and counted up. */
  #tell(now, format) {
    const before = this.#available;
    this.#available = now;
    if (!(now > before)) return;
    this.#part("said").textContent = format.say("added", { n: now - before, points: format.points(now - before) });
    const figures = this.#dialog.querySelectorAll(".figure");
    import("./count.js").then(({ count }) => count(figures, before, now, (n) => format.number(n)), () => {});
  }
}
