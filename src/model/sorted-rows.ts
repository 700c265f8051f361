import type { NodeTable } from './node-table.ts';

/** Keys are of 16 bits: what is counted by key stays in the cache. */
const KEYS_MAX = 2 ** 16;

/** Indices of the rows in the order of their bytes: sorted by a few columns after another, the last first. */
export function sortedRows({ rows, width, size }: NodeTable): Uint32Array {
  const most = new Uint8Array(width);
  for (let i = 0; i < size; i++)
    for (let c = 0; c < width; c++)
      if ((rows[i * width + c] as number) > (most[c] as number)) most[c] = rows[i * width + c] as number;
  let order = Uint32Array.from({ length: size }, (_, i) => i);
  const keys = new Uint16Array(size);
  for (let end = width, begin = width; end > 0; end = begin) {
    let keyCount = 1;
    while (begin > 0 && keyCount * ((most[begin - 1] as number) + 1) <= KEYS_MAX)
      keyCount *= (most[--begin] as number) + 1;
    for (let i = 0; i < size; i++) {
      let key = 0;
      for (let c = begin; c < end; c++) key = key * ((most[c] as number) + 1) + (rows[i * width + c] as number);
      keys[i] = key;
    }
    order = sortedBy(keys, keyCount, order);
  }
  return order;
}

/** The same indices by their keys; those of equal keys stay in order. */
function sortedBy(keys: Uint16Array, keyCount: number, order: Uint32Array): Uint32Array<ArrayBuffer> {
  const starts = new Uint32Array(keyCount + 1);
  for (let i = 0; i < keys.length; i++) (starts[(keys[i] as number) + 1] as number)++;
  for (let key = 0; key < keyCount; key++) (starts[key + 1] as number) += starts[key] as number;
  const sorted = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const index = order[i] as number;
    const at = starts[keys[index] as number] as number;
    sorted[at] = index;
    starts[keys[index] as number] = at + 1;
  }
  return sorted;
}
