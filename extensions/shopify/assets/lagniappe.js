/* Brings the widget when the page has been loaded and has nothing else to do: no page waits for another machine than
 * Shopify's (docs/decisions/0028). And tells the points of a product which of its variants is chosen, and how many. */
(() => {
  const tag = document.currentScript;

  const bring = () => {
    if (document.querySelector("lagniappe-widget, script[data-lagniappe]")) return;
    const script = document.createElement("script");
    for (const { name, value } of tag.attributes) if (/^data-/.test(name)) script.setAttribute(name, value);
    script.dataset.lagniappe = "";
    script.src = tag.dataset.loader;
    document.head.append(script);
  };
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
  if (document.readyState === "complete") idle(bring);
  else window.addEventListener("load", () => idle(bring), { once: true });

  document.addEventListener("change", ({ target }) => {
    const [id, quantity] = ["id", "quantity"].map((name) => target.form?.elements.namedItem(name)?.value);
    for (const block of id ? document.querySelectorAll("lagniappe-product-points[data-variants]") : []) {
      const variant = JSON.parse(block.dataset.variants)[id];
      if (!variant) continue; // of another product
      const said = { ...variant, ...(quantity && { quantity }) };
      for (const name in said) block.setAttribute(name, said[name]);
    }
  });
})();
