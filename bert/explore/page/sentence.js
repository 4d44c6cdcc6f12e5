// A plain text divided into words, as bert/tasks/tagging/sentence.py does it.
import { codePoint, isIn } from "./normalization.js";

const BEFORE_WORDS = new Set('([{<"“„‘«‹¿¡（「『《');
const AFTER_WORDS = new Set(')]}>"”’»›,;:!?…）」』》。、，；：！？');

/**
 * bert/tasks/tagging/sentence.py, words_of: [start, end] of each word, in characters.
 *
 * White space separates words. A Chinese character is a word. Brackets, quotes and most punctuation are words of their
 * own at the ends of a word; a full stop is one at the end of the text.
 */
export function wordsOf(text, tables) {
  const characters = Array.from(text);
  const isSpace = (character) => isIn(tables.stripped, codePoint(character));
  let closing = characters.length; // behind it there are brackets, quotes and white space alone
  while (closing > 0 && isSpace(characters[closing - 1])) closing--;
  while (closing > 0 && AFTER_WORDS.has(characters[closing - 1])) closing--;
  const words = [];
  for (let at = 0; at < characters.length; ) {
    let end = at;
    while (end < characters.length && !isSpace(characters[end])) end++;
    if (end > at) words.push(...wordsOfChunk(characters, at, end, closing, tables));
    at = Math.max(end, at + 1);
  }
  return words;
}

/** The words between two white spaces. */
function wordsOfChunk(characters, from, to, closing, tables) {
  let [start, end] = [from, to];
  const hasLetter = characters.slice(start, end).some((character) => isIn(tables.alphanumeric, codePoint(character)));
  if (!hasLetter) return [[start, end]];
  const words = [];
  for (; BEFORE_WORDS.has(characters[start]); start++) words.push([start, start + 1]);
  const after = [];
  while (AFTER_WORDS.has(characters[end - 1]) || (characters[end - 1] === "." && end >= closing)) {
    after.unshift([end - 1, end]);
    end--;
  }
  for (let place = start; place < end; place++) {
    if (!isIn(tables.chinese, codePoint(characters[place]))) continue;
    if (start < place) words.push([start, place]);
    words.push([place, place + 1]);
    start = place + 1;
  }
  if (start < end) words.push([start, end]);
  return [...words, ...after];
}
