/** What a page knows of its member and program, and when it asks for more. */
import { Api } from "./api.js";

const PROGRAM_AGE = 600000; // ms after which a page that stays open asks for the program again
const FRIEND_AGE = 30 * 86400000; // ms for which a friend's link counts

/** The code of the friend's link that brought this visitor; the loader wrote it down. */
function friendOf(key) {
  try {
    const [code, at] = JSON.parse(localStorage.getItem(`lagniappe:${key}:ref`));
    return Date.now() - at < FRIEND_AGE ? code : null;
  } catch {
    return null;
  }
}

const stranger = { identity: null, me: undefined, problem: null };

class State {
  #key;
  #listeners = [];
  #telling = false;
  #program = null;
  #refreshing = null;

  /** identity, program, me (null: the store says that nobody is signed in); problem: why they are missing or old. */
  values = { ...stranger, program: null };

  constructor(api, key) {
    this.api = api;
    this.#key = key;
  }

  /** `changed` is called once a turn, however much has changed. */
  listen(changed) {
    this.#listeners.push(changed);
  }

  #set(values) {
    Object.assign(this.values, values);
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const changed of this.#listeners) changed();
    });
  }

  /** The program document, once for all who ask; a failure is not kept. */
  program() {
    if (!this.#program || Date.now() - this.#program.at > PROGRAM_AGE) {
      const answer = this.api.program();
      this.#program = { at: Date.now(), answer };
      answer.then((program) => this.#set({ program }), () => (this.#program = null));
    }
    return this.#program.answer;
  }

  /** Brings everything up to date; who calls meanwhile waits for the same. */
  refresh(identity) {
    return (this.#refreshing ??= this.#refresh(identity).finally(() => (this.#refreshing = null)));
  }

  /** The same, after something was done: an answer that is on its way already may be older than that. */
  async renew(identity) {
    await this.#refreshing;
    return this.refresh(identity);
  }

  /** Brings the member up to date, and no program: for who shows nothing of it. */
  async member(identity) {
    if (identity !== this.values.identity) this.#set({ ...stranger, identity });
    const me = identity && (await this.api.me(identity, friendOf(this.#key)));
    if (identity === this.values.identity) this.#set({ me });
  }

  async #refresh(identity) {
    try {
      await Promise.all([this.member(identity), this.program()]);
      this.#set({ problem: null });
    } catch (problem) {
      this.#set({ problem });
    }
  }
}

const states = new Map();

/** What this page knows in that language: the panel and the blocks share it, so that nothing is asked twice. */
export function stateOf(look, locale) {
  const name = `${look.key} ${locale}`;
  if (!states.has(name)) states.set(name, new State(new Api(look, locale), look.key));
  return states.get(name);
}
