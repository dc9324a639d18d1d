/* The preview begins with the widget open. A link of the widget leads nowhere: the store is only hinted at. */
document.addEventListener("lagniappe:ready", () => document.querySelector("lagniappe-widget")?.open(), { once: true });
document.addEventListener("click", (event) => {
  const link = event.composedPath().find((each) => each instanceof HTMLAnchorElement);
  if (link) event.preventDefault();
}, true);
