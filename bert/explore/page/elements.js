// Elements of the page. Data come in as text alone: nothing here reads HTML.

/**
 * An element with attributes and children; a child is an element or a text.
 *
 * An attribute "onclick" adds a listener. False leaves an attribute out, true sets it without a value.
 */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for a part of an SVG picture. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat());
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Replaces what is in a box. The child with the same ``data-key`` has the keyboard's focus again. */
export function redraw(box, ...children) {
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  box.replaceChildren(...children.flat());
  if (focused !== undefined) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** A text in which characters can be seen that a browser hides or obeys: controls, and what turns the direction. */
export function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 32 ? String.fromCharCode(0x2400 + code) : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** A piece as an element that keeps its own direction of writing to itself. */
export const pieceElement = (piece, ...more) => element("bdi", {}, visible(piece), ...more);
