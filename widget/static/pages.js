/** A list that is read page by page, newest first. */

const unread = { items: null, next: null, loading: false, stuck: false };

export class Pages {
  #read;
  #changed;
  #turn = 0;

  /** items: what was read so far, null before that; next: where more is; loading; stuck: the last attempt failed. */
  values = unread;

  /** `read(after)` brings {items, next}. */
  constructor(read, changed) {
    this.#read = read;
    this.#changed = changed;
  }

  #set(values) {
    this.values = { ...this.values, ...values };
    this.#changed();
  }

  /** Somebody else's list: what is on its way no longer counts. */
  forget() {
    this.#turn += 1;
    this.values = unread;
  }

  /** The newest page, put before what has been read already if the two meet. */
  recent() {
    return this.#add(null, (page, { items, next }) => {
      const fresh = new Set(page.items.map(({ id }) => id));
      const older = (items ?? []).filter(({ id }) => !fresh.has(id));
      const meet = older.length > 0 && older.length < items.length;
      return meet ? { items: [...page.items, ...older], next } : page;
    });
  }

  /** The next page. */
  more() {
    return this.#add(this.values.next, (page, { items }) => ({ ...page, items: [...(items ?? []), ...page.items] }));
  }

  /** One of the list, as it is now; a new one comes first. What is on its way may be older than that and no longer counts. */
  put(item) {
    this.#turn += 1;
    const items = this.values.items ?? [];
    const known = items.some(({ id }) => id === item.id);
    this.#set({ loading: false, items: known ? items.map((one) => (one.id === item.id ? item : one)) : [item, ...items] });
  }

  async #add(after, joined) {
    if (this.values.loading) return;
    const turn = this.#turn;
    const end = (values) => turn === this.#turn && this.#set({ loading: false, ...values });
    this.#set({ loading: true, stuck: false });
    try {
      const { items, next } = joined(await this.#read(after), this.values);
      end({ items, next });
    } catch {
      end({ stuck: true });
    }
  }
}
