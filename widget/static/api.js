/** The calls of the widget API. The session's token lives in memory alone, and only here. */

const PATIENCE = 15000; // ms for one answer
const JSON_BODY = { "Content-Type": "application/json" };

/** What went wrong, as the panel says it: offline, expired, busy (again after `wait` seconds) or failed. What the server
 * refused for a reason of its own has that reason's sentence as `detail`; without one, nobody knows what came of it. */
class Problem extends Error {
  constructor(kind, wait = 0, detail = "") {
    super(kind);
    Object.assign(this, { kind, wait, detail });
  }
}

async function problemOf(answer) {
  const { status, headers } = answer;
  const wait = Number(headers.get("Retry-After"));
  if (status === 429 || (status === 503 && wait)) return new Problem("busy", Math.min(wait || 10, 300));
  if (status === 401) return new Problem("expired");
  const { detail } = status < 500 ? await answer.json().catch(() => ({})) : {};
  return new Problem("failed", 0, detail);
}

export class Api {
  #base;
  #key;
  #locale;
  #identity;
  #token;
  #beginning;

  constructor({ base, key }, locale) {
    this.#base = `${base}/widget/v1/`;
    this.#key = key;
    this.#locale = locale;
  }

  program() {
    return this.#call(`${this.#key}/program?locale=${encodeURIComponent(this.#locale)}`);
  }

  /** The member's dashboard. `identity` proves who it is: a token, or the address at the store's that gives one (no token has a
   * slash); null if it gives none. `friend` is the code of the link that brought them. */
  me(identity, friend) {
    return this.#asMember(identity, friend, "me");
  }

  /** A page of "activity" (perhaps of one `kind` alone), "redemptions" or "referral", newest first; `after` is the `next` of the page before. */
  page(identity, list, after, kind) {
    const query = new URLSearchParams({ ...(kind && { kind }), ...(after && { after }) });
    return this.#asMember(identity, null, `me/${list}${after || kind ? `?${query}` : ""}`);
  }

  /** A file of the member's own. */
  file(identity, path) {
    return this.#asMember(identity, null, path, null, null, "blob");
  }

  /** Has something done. Sent again with the same key it is done once. */
  send(identity, path, body, key) {
    return this.#asMember(identity, null, path, body, { ...JSON_BODY, ...(key && { "Idempotency-Key": key }) });
  }

  /** Within a session; one that has expired, or is somebody else's, is begun anew, once: its answer brings `me` along. */
  async #asMember(identity, friend, path, body, headers, kind) {
    const ask = () => this.#call(path, { Authorization: `Bearer ${this.#token}`, ...headers }, body, kind);
    if (this.#token && identity === this.#identity) {
      try {
        return await ask();
      } catch (problem) {
        if (problem.kind !== "expired") throw problem;
      }
    }
    const begun = await this.#begin(identity, friend);
    return path in begun ? begun[path] : ask();
  }

  /** A session: one for all who ask for it at the same time. */
  #begin(identity, friend) {
    if (this.#beginning?.identity !== identity) this.#beginning = { identity, answer: this.#session(identity, friend) };
    return this.#beginning.answer;
  }

  async #session(identity, friend) {
    try {
      const proof = /\//.test(identity) ? await (await import("./identity.js")).ask(identity) : identity;
      if (!proof) return { me: (this.#token = null) };
      const begun = await this.#call(`${this.#key}/session`, JSON_BODY, { identity: proof, ref: friend ?? undefined });
      this.#token = begun.session;
      this.#identity = identity;
      return begun;
    } catch (problem) {
      throw problem instanceof Problem ? problem : new Problem(navigator.onLine ? "failed" : "offline");
    } finally {
      this.#beginning = null;
    }
  }

  async #call(path, headers, body, kind = "json") {
    try {
      const answer = await fetch(this.#base + path, {
        method: body ? "POST" : "GET",
        headers: { "Accept-Language": this.#locale, ...headers },
        body: body && JSON.stringify(body),
        credentials: "omit",
        signal: AbortSignal.timeout(PATIENCE * (kind === "json" ? 1 : 8)),
      });
      if (!answer.ok) throw await problemOf(answer);
      return await answer[kind]();
    } catch (problem) {
      throw problem instanceof Problem ? problem : new Problem(navigator.onLine ? "failed" : "offline");
    }
  }
}
