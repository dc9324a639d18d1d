/** What the panel knows, and when it asks for more. */

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

const stranger = { identity: null, me: null, problem: null, items: null, next: null, loading: false, stuck: false };

export class State {
  #api;
  #key;
  #changed;
  #telling = false;
  #program = null;
  #refreshing = null;

  /** identity, program, me; problem: why they are missing or old; items, next, loading, stuck: the activity read so far. */
  values = { ...stranger, program: null };

  /** `changed` is called once a turn, however much has changed. */
  constructor(api, key, changed) {
    this.#api = api;
    this.#key = key;
    this.#changed = changed;
  }

  #set(values) {
    Object.assign(this.values, values);
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#changed();
    });
  }

  /** The program document, once for all who ask; a failure is not kept. */
  program() {
    if (!this.#program || Date.now() - this.#program.at > PROGRAM_AGE) {
      const answer = this.#api.program();
      this.#program = { at: Date.now(), answer };
      answer.then((program) => this.#set({ program }), () => (this.#program = null));
    }
    return this.#program.answer;
  }

  /** Brings everything up to date, the activity too if it is on view; who calls meanwhile waits for the same. */
  refresh(identity, activity) {
    return (this.#refreshing ??= this.#refresh(identity, activity).finally(() => (this.#refreshing = null)));
  }

  async #refresh(identity, activity) {
    if (identity !== this.values.identity) this.#set({ ...stranger, identity });
    try {
      const me = identity && this.#api.me(identity, friendOf(this.#key)).then((answer) => this.#set({ me: answer }));
      await Promise.all([this.program(), me]);
      this.#set({ problem: null });
      if (identity && activity) await this.recent();
    } catch (problem) {
      this.#set({ problem });
    }
  }

  /** The newest page of the activity, put before what has been read already if the two meet. */
  recent() {
    const { items, next } = this.values;
    return this.#read(null, (page) => {
      const fresh = new Set(page.items.map(({ id }) => id));
      const older = (items ?? []).filter(({ id }) => !fresh.has(id));
      const meet = older.length > 0 && older.length < items.length;
      return meet ? { items: [...page.items, ...older], next } : page;
    });
  }

  /** The next page. */
  more() {
    return this.#read(this.values.next, ({ items, next }) => ({ items: [...(this.values.items ?? []), ...items], next }));
  }

  async #read(after, joined) {
    if (this.values.loading) return;
    this.#set({ loading: true, stuck: false });
    try {
      const { items, next } = joined(await this.#api.activity(this.values.identity, after));
      this.#set({ items, next, loading: false });
    } catch {
      this.#set({ loading: false, stuck: true });
    }
  }
}
