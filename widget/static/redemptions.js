/** What a member redeems and has redeemed. What was asked for and never answered is asked again with the same key, so that
 * nothing is bought twice; what is under way is looked at again, ever less often, while the panel is open. */
import { announce } from "./events.js";
import { Pages } from "./pages.js";

const PAUSES = [1, 2, 4, 8, 15, 30, 60]; // s between two looks at what is under way
const HELD = 60; // s, at points that are held for a checkout

/** Pages that are not served over https have no randomUUID. */
const fresh = () => crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join("-");

/** Points set aside for a checkout, until an order takes them or their time is up. */
export const isHeld = ({ reward, status, ending }) => reward.type === "cashback" && status === "requested" && !ending;

const isUnderWay = (one) => one.ending || (isHeld(one) ? !one.is_ready : one.status === "requested");

/** The word for what has become of one since it was last seen, if that is news. */
function newsOf(then, now) {
  if (!then || (then.status === now.status && then.is_ready === now.is_ready)) return null;
  const isCashback = now.reward.type === "cashback";
  if (isCashback ? isHeld(now) && now.is_ready : now.status === "issued") return "news.ready";
  if (now.status === "returned" || now.status === "failed") return "news.back";
  return isCashback && now.status === "expired" ? "news.back" : null;
}

export class Redemptions {
  #panel;
  #identity = null;
  #unanswered = new Map();
  #looks = 0;
  #timer;

  constructor(panel) {
    this.#panel = panel;
    this.pages = new Pages((after) => panel.page("redemptions", after), () => panel.changed());
  }

  /** What is known of this member's: see Pages. */
  of({ identity }) {
    if (identity !== this.#identity) {
      this.#identity = identity;
      this.#unanswered.clear();
      this.pages.forget();
    }
    return this.pages.values;
  }

  find(id) {
    return this.pages.values.items?.find((one) => one.id === id);
  }

  /** The body of what was sent and not answered: nobody knows whether it was done. */
  unanswered(about) {
    return this.#unanswered.get(about)?.body;
  }

  /** Reads what is new, and again later while something is under way. */
  async look() {
    const before = new Map(this.pages.values.items?.map((one) => [one.id, one]));
    await this.pages.recent();
    this.#tell(before);
    this.#watch();
  }

  async redeem(reward, attributes) {
    const redemption = await this.#once("me/redemptions", { reward_id: reward.id, attributes }, reward.id);
    announce("redeemed", redemption);
    this.#know(redemption);
    return redemption;
  }

  /** What so many points take off a cart. */
  quote(total, points) {
    return this.#panel.send("me/cashback/quote", { order_total: total, points });
  }

  /** Sets points aside for a checkout. */
  async hold(reward, total, points) {
    const { status, ...held } = await this.#once("me/cashback/hold", { order_total: total, points }, "hold");
    const known = { reward, status: "requested", is_ready: status === "ready", ending: null, can_return: true, ...held };
    this.#know(known); // until the list tells the rest
    await this.look();
  }

  async giveBack(id) {
    const before = this.find(id);
    try {
      this.#know(await this.#once(`me/redemptions/${id}/return`, {}));
    } catch (problem) {
      if (problem.detail) this.look(); // it is no longer what it was shown as
      throw problem;
    }
    this.#tell(new Map([[id, before]]));
  }

  async #once(path, body, about = path) {
    const attempt = this.#unanswered.get(about) ?? { body, key: fresh() };
    this.#unanswered.set(about, attempt);
    try {
      const answer = await this.#panel.send(path, attempt.body, attempt.key);
      this.#unanswered.delete(about);
      return answer;
    } catch (problem) {
      if (problem.detail) this.#unanswered.delete(about); // refused: nothing was done
      throw problem;
    }
  }

  #know(redemption) {
    this.pages.put(redemption);
    this.#panel.renew(true);
    this.#looks = 0;
    this.#watch();
  }

  /** Says what has become of those that were under way. */
  async #tell(before) {
    const { format } = this.#panel.model;
    const said = [];
    for (const now of this.pages.values.items ?? []) {
      const news = newsOf(before.get(now.id), now);
      if (news) said.push(format.say(news, { points: format.points(now.points), reward: now.reward.name }));
    }
    if (said.length === 0) return;
    await this.#panel.renew(true);
    this.#panel.say(said.join(" "));
  }

  #watch() {
    clearTimeout(this.#timer);
    const items = this.pages.values.items ?? [];
    const { signal } = this.#panel;
    const isMoving = items.some(isUnderWay);
    if (signal.aborted || document.visibilityState !== "visible" || !(isMoving || items.some(isHeld))) return;
    const pause = isMoving ? PAUSES[Math.min(this.#looks, PAUSES.length - 1)] : HELD;
    this.#looks = isMoving ? this.#looks + 1 : 0;
    this.#timer = setTimeout(() => this.look(), pause * 1000);
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }
}
