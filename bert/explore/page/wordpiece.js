// WordPiece, as bert/tokenization/wordpiece.py does it: a text's pieces, with their ids and offsets.
import { searchedForms, spans } from "./added_tokens.js";
import { normalized, splitIntoWords } from "./normalization.js";

const CONTINUATION = "##";

/** What bert/tokenization/wordpiece.py, WordPieceTokenizer builds from a vocabulary. settings: tokenizer.py's. */
export function makeTokenizer(settings) {
  const ids = new Map(settings.vocabulary.map((piece, id) => [piece, id])); // of equal pieces the last counts
  const inWords = new Set(settings.vocabulary.slice(0, settings.pieces_in_words));
  const beginnings = new Map([...ids].filter(([piece]) => inWords.has(piece)));
  const continuations = new Map();
  for (const [piece, id] of beginnings)
    if (piece.startsWith(CONTINUATION)) continuations.set(piece.slice(CONTINUATION.length), id);
  const typed = settings.added_tokens.filter((token) => !token.normalized);
  const found = settings.added_tokens.filter((token) => token.normalized);
  const asTyped = (token) => ({ form: Array.from(token.content), token });
  const asNormalized = (token) => ({
    form: normalized(withOrigins(Array.from(token.content)), settings).map(([character]) => character),
    token,
  });
  return {
    ...settings,
    ids,
    beginnings,
    continuations,
    longestPiece: settings.vocabulary.reduce((longest, piece) => Math.max(longest, Array.from(piece).length), 0),
    unk: ids.get("[UNK]"),
    cls: ids.get("[CLS]"),
    sep: ids.get("[SEP]"),
    mask: ids.get("[MASK]"),
    typedForms: searchedForms(typed.map(asTyped)),
    normalizedForms: searchedForms(found.map(asNormalized)),
  };
}

const withOrigins = (characters, start = 0) => characters.map((character, index) => [character, start + index]);

/**
 * bert/tokenization/wordpiece.py, WordPieceTokenizer.match_longest_first: (id, start, end) for each piece of a word.
 *
 * word: a list of characters. If a part of it has no piece, the whole word is [UNK].
 */
export function matchLongestFirst(word, tokenizer) {
  const unknown = [{ id: tokenizer.unk, start: 0, end: word.length }];
  if (word.length > tokenizer.max_word_length) return unknown;
  const found = [];
  let start = 0;
  while (start < word.length) {
    const known = start ? tokenizer.continuations : tokenizer.beginnings;
    let end = Math.min(word.length, start + tokenizer.longestPiece);
    while (end > start && !known.has(word.slice(start, end).join(""))) end--;
    if (end === start) return unknown;
    found.push({ id: known.get(word.slice(start, end).join("")), start, end });
    start = end;
  }
  return found;
}

/** bert/tokenization/wordpiece.py, WordPieceTokenizer.pieces: {id, start, end, word} for each piece of a text. */
export function pieces(text, tokenizer) {
  const tables = tokenizer.unicode;
  const result = [];
  const nextWord = () => (result.length ? result[result.length - 1].word + 1 : 0);
  const addToken = (token, start, end) => result.push({ id: tokenizer.ids.get(token.content), start, end, word: nextWord() });

  function addWords(characters) {
    for (const word of splitIntoWords(characters, tables)) {
      const number = nextWord();
      const letters = word.map(([character]) => character);
      for (const { id, start, end } of matchLongestFirst(letters, tokenizer))
        result.push({ id, start: word[start][1], end: word[end - 1][1] + 1, word: number });
    }
  }

  const typed = Array.from(text);
  for (const part of spans(typed, tokenizer.typedForms, tables)) {
    if (part.token) {
      addToken(part.token, part.start, part.end);
      continue;
    }
    const characters = normalized(withOrigins(typed.slice(part.start, part.end), part.start), tokenizer);
    const letters = characters.map(([character]) => character);
    for (const { start, end, token } of spans(letters, tokenizer.normalizedForms, tables)) {
      if (token) addToken(token, characters[start][1], characters[end - 1][1] + 1);
      else addWords(characters.slice(start, end));
    }
  }
  return result;
}
