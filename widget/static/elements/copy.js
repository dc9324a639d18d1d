/** Puts `text` on the clipboard; whether that worked. `dialog` lends a place where none is open to scripts. */
export async function copied(text, dialog) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not on https, or not allowed
    const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    const { activeElement } = dialog.getRootNode();
    dialog.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    activeElement?.focus();
    return done;
  }
  return true;
}
