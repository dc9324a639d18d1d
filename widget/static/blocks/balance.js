/** `<lagniappe-balance>`: the member's points in one line, and how many are missing to the next reward. */
import { localeOf } from "../lagniappe.js";
import { stateOf } from "../state.js";
import { block, given, more, opener, widget } from "./block.js";

export function show(host, look) {
  const state = stateOf(look, localeOf(widget() ?? host, look));
  let asked = null;
  const made = block(host, async () => {
    const identity = given(host, "identity") || given(host, "identity-url") || null;
    if (identity !== asked) {
      asked = identity;
      if (identity && !(identity === state.values.identity && state.values.me)) await state.member(identity);
    }
    const { me } = state.values;
    if (!me || identity !== state.values.identity) return null;
    const { locale, points_text: points, next_text: next } = me.summary;
    return { lang: locale, parts: [opener(points, host.getAttribute("tab") ?? "balance"), next && more(next)] };
  });
  if (made) state.listen(() => made.look());
}
