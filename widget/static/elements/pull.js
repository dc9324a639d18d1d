/** On phones the sheet can be pulled down by its head to put it away; the button to close is there for everybody. */
const FAR_ENOUGH = 96; // px

export function closeByPull(handle, dialog, signal) {
  let from = null;
  const on = (type, listener) => handle.addEventListener(type, listener, { signal });
  on("pointerdown", ({ pointerType, target, clientY, pointerId }) => {
    if (pointerType === "mouse" || target.closest("button")) return;
    from = clientY;
    handle.setPointerCapture(pointerId);
  });
  on("pointermove", ({ clientY }) => {
    if (from !== null) dialog.style.translate = `0 ${Math.max(0, clientY - from)}px`;
  });
  on("lostpointercapture", ({ clientY }) => {
    if (clientY - from > FAR_ENOUGH) dialog.close();
    dialog.style.translate = "";
    from = null;
  });
}
