// The page starts: it reads its data, unpacks the weights, and connects the boxes.
import { forgetColors } from "./drawing.js";
import { byId, visible } from "./elements.js";
import { makeExplorer } from "./explorer.js";
import { answerView } from "./views/answer.js";
import { attentionView } from "./views/attention.js";
import { classesView } from "./views/classes.js";
import { embeddingsView } from "./views/embeddings.js";
import { heatView } from "./views/heat.js";
import { lensView } from "./views/lens.js";
import { linesView } from "./views/lines.js";
import { matrixView } from "./views/matrix.js";
import { normsView } from "./views/norms.js";
import { piecesView } from "./views/pieces.js";
import { predictionsView } from "./views/predictions.js";
import { productView } from "./views/product.js";
import { replayView } from "./views/replay.js";
import { shapesView } from "./views/shapes.js";
import { tagsView } from "./views/tags.js";
import { unpackWeights } from "./weights.js";
import { preferredLanguage, say, setLanguage, shown, useWords } from "./words.js";

const VIEWS = [
  replayView, piecesView, predictionsView, classesView, tagsView, answerView, heatView, embeddingsView, attentionView,
  linesView, matrixView, productView, lensView, normsView, shapesView,
];

const data = JSON.parse(byId("data").textContent);
const explorer = makeExplorer(data, (index) => unpackWeights(data.tensors, byId(`weights-${index}`).textContent));

function speak(language) {
  setLanguage(language, { name: visible(data.name) });
  const { num_hidden_layers: layers, num_attention_heads: heads, hidden_size: hidden } = data.config;
  const values = { layers, heads, hidden, pieces: shown(data.tokenizer.vocabulary.length) };
  byId("sizes").textContent = say("sizes", values);
  byId("language").value = language;
  explorer.show();
}

function repaint() {
  forgetColors();
  explorer.show();
}

function fail(reason) {
  byId("problem").hidden = false;
  byId("problem").textContent = say("problem", { reason });
}

useWords(data.words);
window.addEventListener("error", (event) => fail(event.message));
window.addEventListener("unhandledrejection", (event) => fail(String(event.reason)));
byId("language").addEventListener("change", (event) => speak(event.target.value));
byId("theme").addEventListener("change", (event) => {
  document.documentElement.dataset.theme = event.target.value;
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
window.addEventListener("resize", () => explorer.show());

// Paper is white. The boxes are drawn at once, since the browser does not wait for the next frame.
window.addEventListener("beforeprint", () => {
  document.documentElement.dataset.theme = "light";
  forgetColors();
  for (const view of explorer.views) view();
});
window.addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = byId("theme").value;
  repaint();
});

explorer.views.push(...VIEWS.map((view) => view(explorer)));
explorer.views.push(() => {
  document.documentElement.dataset.shown ??= Math.round(performance.now()); // milliseconds until the first prediction
});
speak(preferredLanguage());
