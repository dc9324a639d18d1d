/** Tabs by the WAI-ARIA pattern: one stop for the Tab key; arrows, Home and End move and choose. */
import { html } from "../html.js";
import { icon } from "./parts.js";

export function tabList(tabs, chosen, format) {
  return html`${tabs.map(({ id }) => {
    const here = id === chosen;
    return html`<button type="button" role="tab" id="tab-${id}" aria-controls="panel-${id}" aria-selected="${String(here)}"
      tabindex="${here ? 0 : -1}" data-do="show" data-with="${id}">${icon(id)}<span>${format.say(`tab.${id}`)}</span></button>`;
  })}`;
}

/** Calls `choose` with the id of the tab that a key leads to. */
export function onTabKeys(list, choose, signal) {
  const move = (event) => {
    const tabs = [...list.children];
    const at = tabs.indexOf(event.target);
    const onward = list.closest("[dir]").dir === "rtl" ? -1 : 1;
    const to = { ArrowRight: at + onward, ArrowLeft: at - onward, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(tabs.at(to % tabs.length).dataset.with);
  };
  list.addEventListener("keydown", move, { signal });
}
