// Tokens that stay whole, such as [MASK], found before a text is split: bert/tokenization/added_tokens.py.
import { codePoint, isIn } from "./normalization.js";

/** Whether a character, or the lack of one at an end of the text, is part of a word. */
const isOfWord = (character, tables) => character !== undefined && isIn(tables.word, codePoint(character));

/** The longest of the forms that stands at this place of the text, or undefined. */
function formAt(text, start, forms) {
  return forms.find(({ form }) => form.every((character, index) => text[start + index] === character));
}

/**
 * bert/tokenization/added_tokens.py, TokenFinder.spans: all of a text, as parts with or without a token.
 *
 * text: a list of characters. forms: {form, token}, the longest first; a form is a list of characters.
 */
export function spans(text, forms, tables) {
  const found = [];
  let done = 0;
  for (let at = 0; at < text.length; at++) {
    const match = formAt(text, at, forms);
    if (!match) continue;
    let [start, end] = [at, at + match.form.length];
    at = end - 1;
    const { token } = match;
    if (token.single_word && (isOfWord(text[start - 1], tables) || isOfWord(text[end], tables))) continue;
    while (token.lstrip && start > 0 && isIn(tables.stripped, codePoint(text[start - 1]))) start--;
    while (token.rstrip && end < text.length && isIn(tables.stripped, codePoint(text[end]))) end++;
    start = Math.max(start, done);
    if (done < start) found.push({ start: done, end: start, token: null });
    found.push({ start, end, token });
    done = end;
  }
  if (done < text.length) found.push({ start: done, end: text.length, token: null });
  return found;
}

/** The forms of tokens for ``spans``: of equal forms the last counts, and longer ones come first. */
export function searchedForms(formsAndTokens) {
  const byForm = new Map();
  for (const { form, token } of formsAndTokens) if (form.length) byForm.set(form.join(""), { form, token });
  return [...byForm.values()].sort((a, b) => b.form.length - a.form.length);
}
