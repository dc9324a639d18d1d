// "All on this page": chooses every line of the grid that is there. Without JavaScript the box is hidden.

import { onPage } from "./page.js";

const boxes = () => document.querySelectorAll("input[name=chosen]");

const show = () => {
  for (const label of document.querySelectorAll(".choose.everything")) label.hidden = false;
};

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) for (const box of boxes()) box.checked = event.target.checked;
});
onPage(() => {
  new MutationObserver(show).observe(document.getElementById("main"), { childList: true, subtree: true });
  show();
});
