/* The preview begins with the widget open. A link of the widget leads nowhere: the store is only hinted at. */
// In a frame that is only looked at (#still), beside a form that is being filled in, nothing may take the focus.
if (location.hash === "#still") {
  HTMLElement.prototype.focus = () => {};
  HTMLDialogElement.prototype.showModal = function () {
    this.setAttribute("open", "");
  };
}
document.addEventListener("lagniappe:ready", () => document.querySelector("lagniappe-widget")?.open(), { once: true });
document.addEventListener("click", (event) => {
  const link = event.composedPath().find((each) => each instanceof HTMLAnchorElement);
  if (link) event.preventDefault();
}, true);
