/** How things are said in one language: words with plurals, points, money, days. No datum makes it throw. */

const attempt = (make, otherwise = () => "") => {
  try {
    return make();
  } catch {
    return otherwise();
  }
};

export class Format {
  #words;
  #locale;
  #shop;
  #unit;
  #numbers;
  #plurals;
  #days;

  /** The program document names the points, the currency and the zone; before it has come the words do without. */
  constructor(words, locale, { shop = {}, program = {}, strings = {} } = {}) {
    this.#words = { ...words, ...strings };
    this.#locale = locale = new Intl.Locale(locale, { numberingSystem: "latn" }); // as the server writes numbers, in Egypt too
    this.#shop = shop;
    this.#unit = program.points_name ?? words.points;
    this.#numbers = new Intl.NumberFormat(locale);
    this.#plurals = new Intl.PluralRules(locale);
    const days = (timeZone) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone });
    this.#days = attempt(() => days(shop.timezone), days); // the shop's days are what its rules count in
  }

  /** The sentence of `key`; `n` chooses the plural. "" for a key that there is not. */
  say(key, values = {}) {
    const text = this.#plural(this.#words[key], values.n ?? 0);
    return text.replace(/\{(\w+)\}/g, (mark, name) => values[name] ?? (name === "unit" ? this.unit() : mark));
  }

  #plural(forms, n) {
    return typeof forms === "string" ? forms : (forms?.[this.#plurals.select(Math.abs(n))] ?? forms?.other ?? "");
  }

  number(n) {
    return this.#numbers.format(n);
  }

  /** What points are called; without a number, for a sentence about any of them: 3 is plainly many in every language (2 is dual in Arabic). */
  unit(n = 3) {
    return this.#plural(this.#unit, n);
  }

  /** "1,240 points", in one line. */
  points(n) {
    return `${this.number(n)}\u00a0${this.unit(n)}`;
  }

  /** "+1,240" or "−50". */
  signed(n) {
    return (n < 0 ? "−" : "+") + this.number(Math.abs(n));
  }

  /** "€12.50"; `how` else, as Intl takes it. */
  money(amount, currency = this.#shop.currency, how) {
    return attempt(
      () => new Intl.NumberFormat(this.#locale, { style: "currency", currency, ...how }).format(amount),
      () => `${amount} ${currency ?? ""}`,
    );
  }

  day(iso) {
    return attempt(() => this.#days.format(new Date(iso)));
  }

  /** The hour and minute, by the reader's own clock. */
  time(iso) {
    return attempt(() => new Date(iso).toLocaleTimeString(this.#locale, { timeStyle: "short" }));
  }

  /** The last day on which what ends at that instant is good: midnight belongs to the day before. */
  lastDay(iso) {
    return this.day(new Date(iso) - 1000);
  }
}
