/* The preview begins with the widget open. A link of the widget leads nowhere: the store is only hinted at. */
// In a frame that is only looked at (?still=open, ?still=closed), beside a form that is being filled in, nothing may take
// the focus: a dialog that is shown as modal does.
const still = new URLSearchParams(location.search).get("still");
if (still) {
  HTMLElement.prototype.focus = () => {};
  HTMLDialogElement.prototype.showModal = function () {
    this.setAttribute("open", "");
    Object.assign(this.style, { display: "flex", opacity: "1", translate: "none", zIndex: "2147483647" });
  };
}
const open = () => document.querySelector("lagniappe-widget")?.open();
if (still !== "closed") document.addEventListener("lagniappe:ready", open, { once: true });
document.addEventListener("click", (event) => {
  const link = event.composedPath().find((each) => each instanceof HTMLAnchorElement);
  if (link) event.preventDefault();
}, true);
