// From raw text to words, as bert/tokenization/normalization.py does it.
//
// A character is a pair [character, origin]: the origin is the index of its source character in the text. Characters
// are Unicode's code points, as in Python, not JavaScript's halves of UTF-16.

/** Whether a code point is in a set, a flat list of ranges: first, last, first, last ... */
export function isIn(ranges, codePoint) {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[2 * middle + 1] < codePoint) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length / 2 && ranges[2 * low] <= codePoint;
}

export const codePoint = (character) => character.codePointAt(0);

/** bert/tokenization/normalization.py, clean: drops control characters; white space becomes a plain space. */
export function clean(characters, tables) {
  const cleaned = [];
  for (const [character, origin] of characters) {
    if (isIn(tables.space, codePoint(character))) cleaned.push([" ", origin]);
    else if (character !== "\ufffd" && !isIn(tables.control, codePoint(character))) cleaned.push([character, origin]);
  }
  return cleaned;
}

/** bert/tokenization/normalization.py, set_chinese_apart: a space before and after each Chinese character. */
export function setChineseApart(characters, tables) {
  return characters.flatMap(([character, origin]) => {
    const parts = [[character, origin]];
    return isIn(tables.chinese, codePoint(character)) ? [[" ", origin], ...parts, [" ", origin]] : parts;
  });
}

/** The class of a combining mark (its place among other marks), or 0 for any other character. */
function combiningClass(character, tables) {
  const found = tables.combining.find(([first, last]) => first <= codePoint(character) && codePoint(character) <= last);
  return found ? found[2] : 0;
}

/** Unicode's canonical decomposition of one character. Hangul's is arithmetic, the same in every browser. */
function decomposed(character, tables) {
  const isHangul = character >= "\uac00" && character <= "\ud7a3";
  return Array.from(isHangul ? character.normalize("NFD") : (tables.decomposed[character] ?? character));
}

/** bert/tokenization/normalization.py, decompose: a letter, then its accents in order. Origins are not sorted. */
export function decompose(characters, tables) {
  const parts = characters.flatMap(([character]) =>
    decomposed(character, tables).map((part, index) => ({
      part,
      isFirst: index === 0,
      order: codePoint(part) < 0x300 ? 0 : combiningClass(part, tables),
    })),
  );
  for (let start = 0; start < parts.length; start++) {
    let end = start;
    while (end < parts.length && parts[end].order > 0) end++;
    if (end - start > 1) parts.splice(start, end - start, ...parts.slice(start, end).sort((a, b) => a.order - b.order));
    start = end;
  }
  let source = -1;
  return parts.map(({ part, isFirst }) => {
    if (isFirst) source++;
    return [part, source < 0 ? 0 : characters[source][1]];
  });
}

/** bert/tokenization/normalization.py, drop_accents: drops combining marks that take no room of their own. */
export function dropAccents(characters, tables) {
  return characters.filter(([character]) => !isIn(tables.mark, codePoint(character)));
}

/** bert/tokenization/normalization.py, lower: each character alone. */
export function lower(characters, tables) {
  return characters.flatMap(([character, origin]) =>
    Array.from(tables.lower[character] ?? character).map((part) => [part, origin]),
  );
}

/** bert/tokenization/normalization.py, is_punctuation. */
export const isPunctuation = (character, tables) => isIn(tables.punctuation, codePoint(character));

/** bert/tokenization/normalization.py, split_into_words: words as lists of characters with their origins. */
export function splitIntoWords(characters, tables) {
  const words = [];
  let word = [];
  for (const item of [...characters, [" ", -1]]) {
    const standsAlone = isPunctuation(item[0], tables);
    if (word.length && (item[0] === " " || standsAlone)) {
      words.push(word);
      word = [];
    }
    if (standsAlone) words.push([item]);
    else if (item[0] !== " ") word.push(item);
  }
  return words;
}

/** bert/tokenization/normalization.py, Normalizer.normalized: the steps, as the tokenizer's switches say. */
export function normalized(characters, settings) {
  const tables = settings.unicode;
  let result = clean(characters, tables);
  if (settings.split_chinese) result = setChineseApart(result, tables);
  if (settings.strip_accents) result = dropAccents(decompose(result, tables), tables);
  if (settings.lowercase) result = lower(result, tables);
  return result;
}
