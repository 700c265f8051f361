/** Pieces of SVG. Black on white, no scripts, no fonts of its own, whole numbers: the same picture is the same text. */

export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">',
    '<path d="M0 0 10 5 0 10z"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    '<g font-family="ui-sans-serif, Helvetica, Arial, sans-serif" font-size="12" fill="#111" stroke="none">',
    ...parts,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Lines of text one under the other, the block's middle at the point. `halo` keeps them readable over a line. */
export function words(
  { x, y }: Point,
  lines: readonly string[],
  anchor: 'start' | 'middle' | 'end' = 'middle',
  size = 12,
): string {
  const leading = Math.round(size * 1.25);
  const first = Math.round(y - ((lines.length - 1) * leading) / 2 + size / 3);
  const spans = lines.map((line, i) => `<tspan x="${x}" y="${first + i * leading}">${escaped(line)}</tspan>`);
  const halo = 'stroke="#fff" stroke-width="4" paint-order="stroke" stroke-linejoin="round"';
  return `<text text-anchor="${anchor}" font-size="${size}" ${halo}>${spans.join('')}</text>`;
}

/** A box with words in it; `final` has a second border. */
export function box(
  { x, y, width, height }: Box,
  lines: readonly string[],
  final = false,
  fill = '#eef3fb',
  size = 12,
): string {
  const rect = (inset: number, paint: string): string =>
    `<rect x="${x - width / 2 + inset}" y="${y - height / 2 + inset}" width="${width - 2 * inset}" height="${height - 2 * inset}" rx="8" fill="${paint}" stroke="#345"/>`;
  const text = words({ x, y }, lines, 'middle', size).replace(/ stroke="#fff".*?linejoin="round"/, '');
  return rect(0, fill) + (final ? rect(4, 'none') : '') + text;
}

/** Where the line from the box's middle to a point leaves the box. */
function borderOf({ x, y, width, height }: Box, to: Point): Point {
  const [dx, dy] = [to.x - x, to.y - y];
  const scale = Math.min(
    dx === 0 ? Number.POSITIVE_INFINITY : width / 2 / Math.abs(dx),
    dy === 0 ? Number.POSITIVE_INFINITY : height / 2 / Math.abs(dy),
  );
  return { x: Math.round(x + dx * scale), y: Math.round(y + dy * scale) };
}

/** An arrow from box to box, bowed to its left by `bend`. */
export function arrow(from: Box, to: Box, bend = 0): string {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  const control = {
    x: Math.round((from.x + to.x) / 2 + (dy / length) * bend),
    y: Math.round((from.y + to.y) / 2 - (dx / length) * bend),
  };
  const [start, end] = [borderOf(from, control), borderOf(to, control)];
  return `<path d="M${start.x} ${start.y}Q${control.x} ${control.y} ${end.x} ${end.y}" fill="none" stroke="#345" marker-end="url(#arrow)"/>`;
}

/** An arrow from a box's top back to it. */
export function loop({ x, y, height }: Box): string {
  const top = y - height / 2;
  return `<path d="M${x - 20} ${top}C${x - 40} ${top - 45} ${x + 40} ${top - 45} ${x + 20} ${top}" fill="none" stroke="#345" marker-end="url(#arrow)"/>`;
}
