/** What a product, a cart or an order brings: `<lagniappe-product-points>`, `<lagniappe-cart-points>`, `<lagniappe-purchase-points>`. */
import { block, given, link, more, opener } from "./block.js";

const QUERY = ["total", "discount", "currency", "tier"];

/** The lines as the server reads them; of a product page the one product. null: there is nothing to ask about. */
function lines(host) {
  const [price, id, sku, categories, quantity] = ["price", "product-id", "sku", "categories", "quantity"].map((name) => host.getAttribute(name));
  if (!price) return host.getAttribute("lines");
  const named = { ...(id && { product_id: id }), ...(sku && { sku }) };
  const kinds = categories ? { categories: categories.split(",").map((name) => name.trim()).filter(Boolean) } : {};
  return JSON.stringify([{ ...named, ...kinds, quantity: Math.max(1, parseInt(quantity, 10) || 1), unit_price: price.trim() }]);
}

async function quote({ base, key, locale }, host, signal) {
  const query = new URLSearchParams({ locale: given(host, "locale") || document.documentElement.lang || locale });
  const wanted = { lines: lines(host), ...Object.fromEntries(QUERY.map((name) => [name, given(host, name)])) };
  for (const name in wanted) if (wanted[name]) query.set(name, wanted[name]);
  if (!wanted.lines && !wanted.total) return null;
  const answer = await fetch(`${base}/widget/v1/${key}/points?${query}`, { credentials: "omit", priority: "low", signal });
  return answer.ok ? answer.json() : null;
}

const SAYS = {
  "lagniappe-product-points": ({ points, texts }) => [points > 0 && opener(texts.earn, "earn")],
  "lagniappe-cart-points": ({ points, next, texts }) => [
    points > 0 && opener(texts.earn, "earn"),
    next && (points > 0 ? more(next.text) : opener(next.text, "earn")),
  ],
  "lagniappe-purchase-points": ({ points, texts }, host, look) => {
    if (!points) return [];
    if (given(host, "identity") || given(host, "identity-url")) return [texts.order, opener(look.label, "balance")];
    return [texts.guest, link(texts.sign_up, given(host, "signup-url")) ?? opener(texts.sign_up, "earn")];
  },
};

export function show(host, look) {
  const says = SAYS[host.localName];
  block(host, async (_, signal) => {
    const said = await quote(look, host, signal);
    return said && { lang: said.locale, parts: says(said, host, look) };
  });
}
