/** Which reward takes most off a cart, of those that can be had now. Pure. */

/** The cashback that is used: the one with the best rate. */
export function cashbackOf({ me }) {
  const all = (me?.rewards ?? []).filter(({ type }) => type === "cashback");
  return all.sort((a, b) => b.point_value - a.point_value)[0];
}

function saving({ type, redeemable, discount, point_value: rate }, { me, cart }) {
  const total = Number(cart);
  if (type === "cashback") return Math.min(total, me.balance.available * rate);
  if (!redeemable || !discount || total < (discount.minimum_subtotal ?? 0)) return 0;
  const { kind, value } = discount;
  return { fixed_amount: Math.min(total, value), percentage: (total * value) / 100 }[kind] ?? 0;
}

/** Its id, or null: there is no cart, or nothing for it. Of two that take as much off, the cheaper one. */
export function bestFor(model) {
  if (!model.cart) return null;
  const known = model.me.rewards.map((reward) => ({ ...reward, saved: saving(reward, model) })).filter(({ saved }) => saved > 0);
  return known.sort((a, b) => b.saved - a.saved || a.cost - b.cost)[0]?.id ?? null;
}
