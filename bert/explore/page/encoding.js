// From pieces to a model's input, as bert/tokenization/encoding.py does it: [CLS] first [SEP] second [SEP].
import { wordsOf } from "./sentence.js";
import { pieces } from "./wordpiece.js";

/** bert/tokenization/encoding.py, lengths_after_truncation: the longer text is cut first. */
export function lengthsAfterTruncation(first, second, room) {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second, Math.floor(room / 2));
  const longer = Math.min(Math.max(first, second), room - shorter);
  return first > second ? [longer, shorter] : [shorter, longer];
}

/**
 * bert/tokenization/encoding.py, join_pair: one entry for each position of the input.
 *
 * second: an empty text means that there is no pair. Each token has id, piece, type (0 in segment A, 1 in B); and,
 * if it comes from a text, start and end (its characters there) and word. ``left`` counts the pieces that were cut off.
 * piecesOf cuts a text into pieces; lengthsOf says how many of each text are kept.
 */
export function encode(first, second, tokenizer, maxLength, piecesOf = pieces, lengthsOf = lengthsAfterTruncation) {
  const texts = [first, second].filter((text, index) => index === 0 || text.trim() !== "");
  const parts = texts.map((text) => piecesOf(text, tokenizer));
  const room = maxLength - 1 - parts.length;
  const [firstLength, secondLength] = lengthsOf(parts[0].length, parts[1]?.length ?? 0, room);
  const kept = [parts[0].slice(0, firstLength), parts[1]?.slice(0, secondLength)];
  const special = (id, type) => ({ id, piece: tokenizer.vocabulary[id], type });
  const tokens = [special(tokenizer.cls, 0)];
  texts.forEach((_, type) => {
    for (const piece of kept[type]) tokens.push({ ...piece, piece: tokenizer.vocabulary[piece.id], type });
    tokens.push(special(tokenizer.sep, type));
  });
  const all = parts.reduce((sum, part) => sum + part.length, 0);
  return { tokens, left: all - firstLength - secondLength };
}

/** bert/tasks/tagging/inputs.py, word_windows, the first one: each word is cut alone, and a token's word is its number. */
function encodeWords(text, _, tokenizer, maxLength) {
  const piecesOfWords = (all) =>
    wordsOf(all, tokenizer.unicode).flatMap(([start, end], word) =>
      pieces(Array.from(all).slice(start, end).join(""), tokenizer).map((piece) => ({
        ...piece, start: start + piece.start, end: start + piece.end, word,
      })),
    );
  return encode(text, "", tokenizer, maxLength, piecesOfWords);
}

/** bert/tasks/spans/inputs.py, question_windows, the first one: the question is cut to its most, the context to the rest. */
function encodeQuestion(question, context, tokenizer, maxLength, head) {
  const lengths = (first, second, room) => {
    const kept = Math.min(first, head.longest_question, Math.max(room - 1, 0));
    return [kept, Math.min(second, room - kept)];
  };
  return encode(question, context, tokenizer, maxLength, pieces, lengths);
}

/** A run's input, in the way in which its first head reads texts. */
export function encodeFor(head, first, second, tokenizer, maxLength) {
  const encoders = { tagging: encodeWords, spans: encodeQuestion };
  return (encoders[head.kind] ?? encodePair)(first, second, tokenizer, maxLength, head);
}

const encodePair = (first, second, tokenizer, maxLength) => encode(first, second, tokenizer, maxLength);
