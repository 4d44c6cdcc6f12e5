// From pieces to a model's input, as bert/tokenization/encoding.py does it: [CLS] first [SEP] second [SEP].
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
 */
export function encode(first, second, tokenizer, maxLength) {
  const texts = [first, second].filter((text, index) => index === 0 || text.trim() !== "");
  const parts = texts.map((text) => pieces(text, tokenizer));
  const room = maxLength - 1 - parts.length;
  const [firstLength, secondLength] = lengthsAfterTruncation(parts[0].length, parts[1]?.length ?? 0, room);
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
