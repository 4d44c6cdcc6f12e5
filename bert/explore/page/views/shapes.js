// The shapes of each box's tensors, as in the docstrings of our code: (tokens, hidden_size) as (20, 128).
import { element } from "../elements.js";

/** The shapes by box, for an input of so many tokens, and a fine-tuned head with so many labels. */
export function shapesOf(config, tokens, labels = 0) {
  const { hidden_size: hidden, num_attention_heads: heads, num_hidden_layers: layers } = config;
  const [states, dim] = [`(${tokens}, ${hidden})`, hidden / heads];
  return {
    pieces: `text → (${tokens},)`,
    predictions: `(1, ${hidden}) → (1, ${config.vocab_size})`,
    classes: `(1, ${hidden}) → (1, ${labels})`,
    tags: `${states} → (${tokens}, ${labels})`,
    answer: `${states} → (${tokens}, 2)`,
    heat: `${states} · ${states} → (${tokens},)`,
    next: `(1, ${hidden}) → (1, 2)`,
    embeddings: `(${tokens},) → 3 × ${states} → ${states}`,
    attention: `Q, K, V (${heads}, ${tokens}, ${dim}) → (${heads}, ${tokens}, ${tokens}) → ${states}`,
    product: `(${dim},) · (${dim},)`,
    lens: `(${layers + 1}, ${hidden}) → (${layers + 1}, ${config.vocab_size})`,
    norms: `${states} → (${tokens}, ${config.intermediate_size}) → ${states}`,
  };
}

/** Writes them beside the formulas. */
export function shapesView(explorer) {
  const places = [...document.querySelectorAll("[data-shapes]")];
  return () => {
    const shapes = shapesOf(explorer.data.config, explorer.tokens.length, explorer.data.heads[0].labels?.length);
    for (const place of places) place.replaceChildren(element("code", {}, shapes[place.dataset.shapes]));
  };
}
