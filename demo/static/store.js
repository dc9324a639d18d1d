// The store's own small script: badges that follow what happens behind the scenes, points that
// follow the quantity, and the tour's "Open it" button.
const EVERY_MILLISECONDS = 2500;

async function look() {
  if (document.hidden) return;
  let state;
  try {
    const answer = await fetch("/state", { cache: "no-store" });
    if (!answer.ok) return;
    state = await answer.json();
  } catch {
    return; // the store is starting again: the next look will find it
  }
  for (const badge of document.querySelectorAll("[data-count]")) {
    const count = state[badge.dataset.count];
    badge.textContent = count;
    badge.hidden = !count;
  }
  // What the page shows stands in it: something new may come before the first look.
  const { reloadOn, known } = document.querySelector("[data-reload-on]")?.dataset ?? {};
  const isTyping = document.activeElement?.closest("form");
  if (reloadOn && String(state[reloadOn]) !== known && !isTyping) location.reload();
}

function openWidget() {
  document.querySelector("lagniappe-widget")?.open?.();
}

for (const button of document.querySelectorAll("[data-open-widget]")) {
  button.hidden = false;
  button.addEventListener("click", openWidget);
}
for (const field of document.querySelectorAll("[data-points-quantity]")) {
  const points = document.querySelector("lagniappe-product-points");
  field.addEventListener("input", () => points?.setAttribute("quantity", field.value));
}
look();
setInterval(look, EVERY_MILLISECONDS);
