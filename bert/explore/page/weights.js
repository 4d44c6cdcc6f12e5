// The weights in the page, unpacked: bert/explore/weights.py says how they lie there.

/**
 * A model's tensors by name: a Map from PyTorch's names to {shape, data}, data as 32-bit floats.
 *
 * tensors: [name, shape] in the order of their bytes. content: base64 of compressed bytes.
 */
export async function unpackWeights(tensors, content) {
  const buffer = await inflated(fromBase64(content));
  const weights = new Map();
  let at = 0;
  for (const [name, shape] of tensors) {
    const [rows, columns] = shape;
    const floats = new Float32Array(buffer, at, rows);
    at += 4 * rows;
    if (columns === undefined) {
      weights.set(name, { shape, data: floats });
      continue;
    }
    weights.set(name, { shape, data: dequantize(new Int8Array(buffer, at, rows * columns), floats) });
    at += 4 * Math.ceil((rows * columns) / 4);
  }
  return weights;
}

/** bert/quantization/rows.py, dequantize_rows: whole numbers times the scale of their row. */
function dequantize(whole, scales) {
  const data = new Float32Array(whole.length);
  const columns = whole.length / scales.length;
  for (let row = 0, at = 0; row < scales.length; row++)
    for (let column = 0; column < columns; column++, at++) data[at] = whole[at] * scales[row];
  return data;
}

function fromBase64(content) {
  const characters = atob(content);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
