/** What the page is told, and how clicks inside the panel are heard. */

export const announce = (name, detail) => document.dispatchEvent(new CustomEvent(`lagniappe:${name}`, { detail }));

/** A clicked element's data-do names the verb, its data-with what the verb is given. */
export function onAction(element, verbs, signal) {
  const act = ({ target }) => {
    const { do: verb, with: given } = target.closest("[data-do]")?.dataset ?? {};
    verbs[verb]?.(given);
  };
  element.addEventListener("click", act, { signal });
}
