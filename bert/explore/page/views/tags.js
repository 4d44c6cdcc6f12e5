// Box 2 of a tagger: each word with its tag, and words of one entity in one frame. A click explains a word's tag.
import { chosenWord, textOf } from "../answers.js";
import { byId, element, pieceElement, redraw, visible } from "../elements.js";
import { findEntities } from "../fine_tuned.js";
import { say } from "../words.js";

const TONES = 4; // of page.css

/** Draws the box. */
export function tagsView(explorer) {
  const [head] = explorer.data.heads;
  byId("tags").hidden = head.kind !== "tagging";
  if (byId("tags").hidden) return () => {};
  const types = [...new Set(head.labels.map((label) => (head.entities ? label.slice(2) : label)))];
  return () => {
    const { words } = explorer.result.answer;
    const chosen = chosenWord(explorer);
    const groups = head.entities ? findEntities(words.map(({ tag }) => tag)) : words.map(({ tag }, start) => ({ type: tag, start, end: start + 1 }));
    const frames = [];
    for (let word = 0; word < words.length; ) {
      const group = groups.find(({ start }) => start === word);
      const end = group?.end ?? word + 1;
      frames.push(group ? entity(group, words.slice(word, end)) : button(words[word]));
      word = end;
    }
    redraw(byId("tag-list"), frames);

    function entity({ type }, ofEntity) {
      const tone = `tone-${types.indexOf(type) % TONES}`;
      return element("span", { class: `entity ${tone}` }, ofEntity.map(button), element("small", {}, pieceElement(type || ofEntity[0].tag)));
    }

    function button(word) {
      const text = textOf(explorer.state.first, word.start, word.end);
      const isRead = word.token >= 0;
      const attributes = {
        type: "button",
        class: isRead ? "tagged" : "tagged unread",
        disabled: !isRead,
        "aria-pressed": String(word === chosen),
        "aria-label": say("tags.word", { word: visible(text), tag: visible(word.tag) }),
        "data-key": `word-${words.indexOf(word)}`,
        onclick: () => explorer.show({ selected: word.token, from: null, to: null }),
      };
      return element("button", attributes, pieceElement(text));
    }
  };
}
