/** The panel's entry, imported by loader.js at the first sign of interest. What an opening needs is asked for side by side. */

/** One file of locales/ each. */
const LANGUAGES = ["en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar"];

/** The language of ours that a reader of `locale` reads ("de-CH": de, "zh-TW": zh-Hant), or undefined. */
export function closest(locale, languages = LANGUAGES) {
  const likely = (tag) => {
    const { language, script } = new Intl.Locale(tag).maximize();
    return language + script;
  };
  try {
    return languages.find((ours) => ours === locale) ?? languages.find((ours) => likely(ours) === likely(locale));
  } catch {
    return undefined; // not a language tag
  }
}

async function file(path) {
  const answer = await fetch(new URL(path, import.meta.url), { credentials: "omit" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function stylesheet(path) {
  return new CSSStyleSheet().replace(await (await file(path)).text());
}

/** The words of one language, those of a folder if one is named. Only a file that calls itself partial costs a second request, for English. */
async function words(language, folder = "") {
  const own = await (await file(`locales/${folder}${language}.json`)).json();
  return own.partial ? { ...(await words("en", folder)), ...own } : own;
}

/** The language that `host` speaks: its own, the page's or the shop's, the first of which we have words in. */
export function localeOf(host, look) {
  return [host.getAttribute("locale"), document.documentElement.lang, look.locale, "en"].find((tag) => tag && closest(tag));
}

/** The panel of one `<lagniappe-widget>`; `look` is what its loader was given. Rejects if a part cannot be had. */
export async function panel(host, look) {
  const locale = localeOf(host, look);
  const language = closest(locale);
  const parts = [import("./elements/panel.js"), stylesheet("styles/panel.css"), words(language)];
  const [{ Panel }, sheet, text] = await Promise.all(parts);
  return new Panel(host, look, { locale, language, words: text, sheet, stylesheet, more: (folder) => words(language, folder) });
}
