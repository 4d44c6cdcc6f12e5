// The page's own words, in English and Chinese: words/en.json and words/zh.json.

let languages = {};
let current = "en";

/** Sets the words of all languages. */
export function useWords(all) {
  languages = all;
}

/** The words under a key in the current language, with ``{name}`` replaced by values. */
export function say(key, values = {}) {
  return languages[current][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** A number as the current language writes it: 9500 becomes 9,500. */
export const shown = (number) => number.toLocaleString(current);

/** A share as a percentage. */
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)}\u00a0%`;

/** Writes all words of the page anew: texts under ``data-words``, accessible names under ``data-label``. */
export function setLanguage(language, values) {
  current = language;
  document.documentElement.lang = language;
  document.title = say("title", values);
  for (const node of document.querySelectorAll("[data-words]")) node.textContent = say(node.dataset.words, values);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label));
}

/** The first language of the reader's browser that the page speaks. */
export function preferredLanguage() {
  const wanted = navigator.languages.map((language) => language.slice(0, 2));
  return wanted.find((language) => language in languages) ?? "en";
}
