// Functions that compare golden values.

/** Little-endian float32 values. */
export function floats(buffer) {
  return Float32Array.from({ length: buffer.length / 4 }, (_, i) => buffer.readFloatLE(4 * i));
}

/** KL(p ‖ q) of two vectors of logits, in double precision. */
export function divergence(p, q) {
  const [logP, logQ] = [logSoftmax(p), logSoftmax(q)];
  return logP.reduce((sum, lp, i) => sum + Math.exp(lp) * (lp - logQ[i]), 0);
}

/** How far a vector is from its reference, as a share of that one's length. */
export function apart(reference, ours) {
  const square = (sum, value) => sum + value * value;
  const off = reference.map((value, i) => value - ours[i]);
  return Math.sqrt(off.reduce(square, 0) / reference.reduce(square, 0));
}

function logSoftmax(logits) {
  const values = Float64Array.from(logits);
  const max = values.reduce((a, b) => Math.max(a, b));
  const norm = max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
  return values.map((value) => value - norm);
}

export function perplexity(logprobs) {
  return Math.exp(-logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length);
}
