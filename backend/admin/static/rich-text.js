// Texts that may hold HTML get buttons for what they may hold. The text stays what it is, HTML to be read and written.

import { onPage } from "./page.js";

const RICH = 'textarea:is([name$="_html"], [name$="short_description"], [name$="brand.description"], [name^="terms."], [name^="rules_text."])';

const around = (before, after) => (text, selected) => before + (selected || text) + after;
const BUTTONS = {
  Bold: around("<b>", "</b>"),
  Italic: around("<em>", "</em>"),
  List: (text, selected) => `<ul>${(selected || text).split("\n").map((line) => `<li>${line}</li>`).join("")}</ul>`,
  Link: (text, selected) => {
    const address = prompt("Where to? An address that begins with https://");
    return address && `<a href="${address.replaceAll('"', "%22")}">${selected || address}</a>`;
  },
};

const put = (area, change) => {
  const { selectionStart, selectionEnd, value } = area;
  const written = change("text", value.slice(selectionStart, selectionEnd));
  if (!written) return area.focus();
  area.setRangeText(written, selectionStart, selectionEnd, "select");
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
};

const equip = (area) => {
  if (area.dataset.rich) return;
  area.dataset.rich = "yes";
  const bar = Object.assign(document.createElement("div"), { className: "rich", role: "group" });
  bar.setAttribute("aria-label", `Formatting of ${area.labels[0]?.firstChild.textContent.trim()}`);
  for (const [label, change] of Object.entries(BUTTONS)) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", () => put(area, change));
    bar.append(button);
  }
  area.before(bar);
};

onPage(() => document.querySelectorAll(RICH).forEach(equip));
document.addEventListener("focusin", (event) => event.target.matches(RICH) && equip(event.target));
