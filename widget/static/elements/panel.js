/** The panel: one dialog in the widget's shadow root, and its tabs. */
import { palette } from "../color.js";
import { announce, onAction } from "../events.js";
import { Format } from "../format.js";
import { html, render } from "../html.js";
import { stateOf } from "../state.js";
import { view as earn } from "./earn.js";
import { head } from "./head.js";
import { failure, icon, notice, skeleton } from "./parts.js";
import { onTabKeys, tabList } from "./tabs.js";

/** Before that is known it is taken to be so, since most shops have rewards, and nothing should move. */
const offers = ({ program, me }) => !program || (me ?? program).rewards?.length > 0 || program.campaign;
const refers = ({ program, me }, look) => (me ?? program ?? look).referral?.enabled;
const REWARDS = { sheet: "styles/rewards.css", words: "rewards/" };

/** A tab is one line: do visitors have it, when is it there, and what shows it, view(model) → markup; its module, sheet and
 * words come when it is chosen. A module with a memory has begin(panel) → { view, look: when it comes on view, shown: after that }. */
const TABS = [
  { id: "earn", guests: true, view: earn },
  { id: "redeem", guests: true, when: offers, module: () => import("./redeem.js"), ...REWARDS },
  { id: "rewards", module: () => import("./rewards.js"), ...REWARDS },
  { id: "referral", when: refers, module: () => import("./referral.js"), sheet: "styles/referral.css", words: "referral/" },
  { id: "balance", module: () => import("./balance.js"), sheet: "styles/balance.css", words: "balance/" },
];
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
const PHONE = "(max-width: 480px)";

export class Panel {
  /** What clicks do, by their data-do; a tab adds its own. */
  verbs = {
    close: () => this.close(),
    reload: () => location.reload(),
    retry: () => (this.#tab.lost ? this.show(this.#tab.id) : this.#refresh()),
    show: (id) => this.show(id),
    claim: (id) => import("./claims.js").then(({ claim }) => claim(this, id), () => this.say(this.#format.say("problem.failed.title"))),
  };
  /** What a member has claimed and not been answered, or been refused: see claims.js. */
  claims = {};
  dialog = document.createElement("dialog");
  /** What views are made of, as it was last shown. */
  model;
  #host;
  #look;
  #locale;
  #words;
  #stylesheet;
  #wordsOf;
  #format;
  #api;
  #state;
  #colors = new CSSStyleSheet();
  #tab = TABS[0];
  #program = null;
  #seen;
  #isQuiet = false;
  #opening;

  constructor(host, look, { locale, language, words, sheet, stylesheet, more }) {
    this.#host = host;
    this.#look = look;
    this.#locale = locale;
    this.#words = words;
    this.#stylesheet = stylesheet;
    this.#wordsOf = more;
    this.#format = new Format(words, locale);
    this.#state = stateOf(look, locale);
    this.#api = this.#state.api;
    this.#state.listen(() => this.changed());
    const root = host.shadowRoot;
    const side = (host.getAttribute("position") || look.position) === "left" ? "left" : "right";
    const attributes = { role: "dialog", "aria-modal": "true", "aria-labelledby": "title", class: side, lang: language };
    for (const name in attributes) this.dialog.setAttribute(name, attributes[name]);
    this.dialog.dir = RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";
    render(this.dialog, html`<div class="panel"><div id="bar"><div><h2 id="title" tabindex="-1"></h2><p id="shop"></p></div>
      <button type="button" class="close" data-do="close" aria-label="${this.#format.say("close")}">${icon("close")}</button></div>
      <div class="scroll"><div id="head"></div><div id="tabs" role="tablist" aria-labelledby="title"></div><div id="notice"></div>
      ${TABS.map(({ id }) => html`<div role="tabpanel" id="panel-${id}" aria-labelledby="tab-${id}" tabindex="0"></div>`)}</div>
      <p id="said" role="status"></p></div>`);
    root.append(this.dialog);
    root.adoptedStyleSheets.push(this.#colors, sheet);
    this.#state.program().catch(() => {}); // asked again, and told, by refresh()
  }

  /** Opens, at the tab of that id if one is named and is there for this reader. */
  open(tab) {
    const dialog = this.dialog;
    if (dialog.matches(":modal")) return;
    this.#closed(); // as it is not, if the page took the widget away and put it back
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    onTabKeys(this.part("tabs"), (id) => this.show(id), signal);
    onAction(dialog, this.verbs, signal);
    let pressed;
    dialog.addEventListener("pointerdown", ({ target }) => (pressed = target), { signal });
    dialog.addEventListener("click", ({ target }) => target === dialog && pressed === dialog && this.close(), { signal });
    dialog.addEventListener("keydown", (event) => this.#keepFocus(event), { signal });
    dialog.addEventListener("close", () => dialog.open || this.#closed(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#refresh(), { signal });
    if (matchMedia(PHONE).matches) import("./pull.js").then(({ closeByPull }) => closeByPull(this.part("bar"), dialog, signal), () => {});
    this.part("said").textContent = "";
    this.#refresh();
    this.changed();
    this.#paint();
    dialog.showModal();
    this.part("title").focus();
    this.#launcher.ariaExpanded = "true";
    announce("opened");
    if (tab) this.show(tab);
  }

  close() {
    this.dialog.close();
  }

  #closed() {
    this.#opening?.abort();
    this.dialog.close();
    this.#launcher.ariaExpanded = "false";
    this.#launcher.focus();
  }

  get #launcher() {
    return this.#host.shadowRoot.querySelector("button");
  }

  part(id) {
    return this.#host.shadowRoot.getElementById(id);
  }

  #keepFocus(event) {
    if (event.key !== "Tab") return;
    const stops = [...this.dialog.querySelectorAll(":is(a[href], button, summary, [tabindex], input, select):not(:disabled, [inert] *)")].filter(
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

  get #identity() {
    return this.#host.getAttribute("identity") || this.#host.getAttribute("identity-url");
  }

  /** What the page says its cart comes to, if that is in the shop's currency. */
  #cart({ currency }) {
    const [total, theirs] = ["cart-total", "cart-currency"].map((name) => this.#host.getAttribute(name));
    return total > 0 && (!theirs || theirs === currency) ? total : null;
  }

  /** Ends when the panel closes. */
  get signal() {
    return this.#opening.signal;
  }

  /** Says `text` to all, for a while. */
  say(text) {
    const said = this.part("said");
    said.textContent = "";
    setTimeout(() => (said.textContent = text), 50); // the same words again are news too
  }

  /** Has the member do something; see Api. */
  send(path, body, key) {
    return this.#api.send(this.#identity, path, body, key);
  }

  page(list, after, kind) {
    return this.#api.page(this.#identity, list, after, kind);
  }

  file(path) {
    return this.#api.file(this.#identity, path);
  }

  /** Brings the style sheet and the words of a part of the panel. */
  async bring({ sheet, words }) {
    const [style, text] = await Promise.all([this.#stylesheet(sheet), words && this.#wordsOf(words)]);
    this.#host.shadowRoot.adoptedStyleSheets.push(style);
    this.#words = { ...this.#words, ...text };
    this.#format = new Format(this.#words, this.#locale, this.#program ?? undefined);
  }

  /** Brings the points up to date, after something was done with them; quietly where more of them is no gain. */
  async renew(isQuiet = false) {
    this.#isQuiet = isQuiet;
    await this.#state.renew(this.#identity);
    this.#isQuiet = false;
  }

  async #refresh() {
    if (!this.#host.isConnected) return this.#closed();
    await this.#state.refresh(this.#identity);
    const { problem } = this.#state.values;
    if (!problem) this.#tab.look?.();
    if (!problem?.wait) return;
    const again = setTimeout(() => this.#refresh(), problem.wait * 1000);
    this.#opening.signal.addEventListener("abort", () => clearTimeout(again));
  }

  /** Chooses a tab: what it is made of comes now, with a skeleton in its place. */
  async show(id) {
    const tab = TABS.find((one) => one.id === id);
    if (!tab) return;
    tab.lost = null;
    this.#tab = tab;
    this.changed();
    if (this.#tab !== tab) return; // not for this reader
    this.part(`tab-${id}`).focus();
    if (tab.view) return tab.look?.();
    try {
      const [{ view, begin }] = await Promise.all([tab.module(), this.bring(tab)]);
      Object.assign(tab, begin ? begin(this) : { view });
    } catch {
      tab.lost = failure({ kind: "failed" }, this.#format);
    }
    this.changed();
    if (this.#tab === tab) tab.look?.();
  }

  /** Shows what is known now. */
  changed() {
    const { values } = this.#state;
    const { program, me, problem } = values;
    const guest = me === null || !this.#identity;
    if (program !== this.#program) {
      this.#program = program;
      this.#format = new Format(this.#words, this.#locale, program);
      this.#paint();
    }
    const format = this.#format;
    const tabs = TABS.filter(({ guests, when }) => (guests || !guest) && (!when || when(values, this.#look)));
    if (!tabs.includes(this.#tab)) this.#tab = tabs[0];
    const { shop = {}, appearance } = program ?? {};
    const link = (name) => this.#host.getAttribute(`${name}-url`) || shop[`${name}_url`] || "/";
    const links = { signup: link("signup"), login: link("login") };
    const model = { ...values, format, guest, claims: this.claims, cart: this.#cart(shop), shop: shop.name, links };
    this.model = model;
    const ready = program && (guest || me);
    const lost = ready ? null : problem;
    this.dialog.ariaBusy = String(!ready && !lost);
    this.part("title").textContent = appearance?.launcher_label ?? this.#look.label;
    this.part("shop").textContent = model.shop;
    render(this.part("head"), lost ? html`` : head(model));
    render(this.part("tabs"), tabList(tabs, this.#tab.id, format));
    render(this.part("notice"), problem && !lost ? notice(problem, format) : html``);
    for (const tab of TABS) {
      const panel = this.part(`panel-${tab.id}`);
      panel.hidden = tab !== this.#tab;
      if (!panel.hidden) render(panel, lost ? failure(lost, format) : (tab.view?.(model) ?? tab.lost ?? skeleton));
    }
    this.#tab.shown?.(model);
    this.#tell(values);
  }

  /** What has changed since the last look is news, once. */
  #tell({ me, program }) {
    const before = this.#seen;
    const level = me?.tier?.level;
    const rank = program?.tiers?.levels.findIndex(({ id }) => id === level?.id);
    this.#seen = me && { points: me.balance.available, rank, level };
    const isQuiet = this.#isQuiet;
    if (before && me && (before.points !== this.#seen.points || before.rank !== rank)) import("./news.js").then(({ tell }) => tell(this, before, this.#seen, isQuiet), () => {});
  }
}
