import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { Graph, Variables } from './graph.ts';
import { widthOfState } from './graph.ts';

/** What a recorded graph says of itself, as a line of JSON before its bytes. */
export interface GraphHeader {
  readonly format: 1;
  readonly model: string;
  /** SHA-256 of the modules and the config it was made from, in hex. */
  readonly stamp: string;
  readonly tlc: string;
  readonly states: number;
  readonly steps: number;
  readonly variables: readonly string[];
  readonly actions: readonly string[];
}

/** Bytes that grow; numbers as varints. */
class Writer {
  private bytes = new Uint8Array(1 << 16);
  private at = 0;

  byte(value: number): void {
    if (this.at === this.bytes.length) {
      const wide = new Uint8Array(this.bytes.length * 2);
      wide.set(this.bytes);
      this.bytes = wide;
    }
    this.bytes[this.at++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  done(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2);

/**
 * A graph as a file: a line of JSON, then, compressed with brotli, the states column by column (rows are in the order of
 * their bytes, so a column hardly changes), the number of steps of each, their actions, and how far each target is away.
 */
export function encodeGraph(graph: Graph, about: Pick<GraphHeader, 'model' | 'stamp' | 'tlc'>): Buffer {
  const { width, count, rows, offsets, actionOf, targetOf, actions, variables } = graph;
  const out = new Writer();
  out.varint(graph.initial.length);
  for (const index of graph.initial) out.varint(index);
  for (let column = 0; column < width; column++)
    for (let i = 0; i < count; i++) out.byte(rows[i * width + column] as number);
  for (let i = 0; i < count; i++) out.varint((offsets[i + 1] as number) - (offsets[i] as number));
  for (const action of actionOf) out.byte(action);
  for (let i = 0; i < count; i++)
    for (let e = offsets[i] as number; e < (offsets[i + 1] as number); e++)
      out.varint(zigzag((targetOf[e] as number) - i));
  const header: GraphHeader = {
    format: 1,
    ...about,
    states: count,
    steps: targetOf.length,
    variables: variables.map(([name]) => name),
    actions,
  };
  const bytes = out.done();
  const body = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

export const headerOf = (file: Buffer): GraphHeader =>
  JSON.parse(file.subarray(0, file.indexOf(10)).toString()) as GraphHeader;

/** @throws Error when the file is not a graph of these variables and actions */
export function decodeGraph(file: Buffer, variables: Variables, actions: readonly string[]): Graph {
  const header = headerOf(file);
  if (header.format !== 1) throw new Error(`graph: format ${header.format}, this reads 1`);
  const expected = variables.map(([name]) => name).join();
  if (header.variables.join() !== expected) throw new Error(`graph: variables are ${header.variables.join()}`);
  if (header.actions.join() !== actions.join()) throw new Error(`graph: actions are ${header.actions.join()}`);
  const bytes = brotliDecompressSync(file.subarray(file.indexOf(10) + 1));
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  const { states: count, steps } = header;
  const width = widthOfState(variables);
  const initial = Array.from({ length: varint() }, varint);
  const rows = new Uint8Array(count * width);
  for (let column = 0; column < width; column++)
    for (let i = 0; i < count; i++) rows[i * width + column] = bytes[at++] as number;
  const offsets = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) offsets[i + 1] = (offsets[i] as number) + varint();
  const actionOf = new Uint8Array(bytes.subarray(at, at + steps));
  at += steps;
  const targetOf = new Uint32Array(steps);
  for (let i = 0; i < count; i++)
    for (let e = offsets[i] as number; e < (offsets[i + 1] as number); e++) targetOf[e] = i + unzigzag(varint());
  if (at !== bytes.length || offsets[count] !== steps) throw new Error('graph: the file ends elsewhere than it says');
  return { variables, actions, width, count, rows, initial, offsets, actionOf, targetOf };
}
