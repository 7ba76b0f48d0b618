/**
 * An SVG path of the lit part of a waxing moon around the origin. It lies between the right limb and the terminator: half an
 * ellipse that bulges right before the first quarter and left after it.
 *
 * @param lit the lit share of the disc, from 0 (new) to 1 (full).
 */
export function phase(lit: number, radius: number): string {
  const r = radius.toFixed(2);
  const bulge = (Math.abs(1 - 2 * lit) * radius).toFixed(2);
  return `M0 ${-radius}A${r} ${r} 0 0 1 0 ${r}A${bulge} ${r} 0 0 ${lit < 0.5 ? 0 : 1} 0 ${-radius}Z`;
}
