import type { Outcome } from '../../spec/vocabulary.ts';
import { refusalNamed } from '../api/errors.ts';
import type { Asked } from './formats/asks.ts';
import type { Input } from './formats/json.ts';
import { UNANSWERED } from './peer-nodes.ts';
import { type Answer, done, errorOf } from './reply.ts';

/** Items of a batch that go to one node together. */
export interface BatchPart {
  /** One of their shards; null where they are for us. */
  readonly shard: number | null;
  /** Where they stand in the batch. */
  readonly items: readonly number[];
}

/** The same request with some of its items. */
export type Again = (items: readonly number[]) => { readonly value: object; readonly asked: Asked };
export function partOf(json: (input: Input) => Asked, input: Input, some: readonly number[]): ReturnType<Again> {
  // Checked before: an object with one list.
  const [[name, items]] = Object.entries(input.value as object) as [[string, unknown[]]];
  const value = { [name]: some.map((item) => items[item]) };
  return { value, asked: json({ ...input, value }) };
}

interface ErrorResult {
  readonly code: string;
  readonly reason?: string;
}

/** The answers to the parts of a batch as one, in the order of its items. A part that was refused as a whole is refused item by item. */
export class MergedBatch {
  private readonly msgIds: readonly (string | null)[];
  private readonly results: string[];
  private readonly finish: (answer: Answer) => void;
  private readonly refused: Outcome[] = [];
  private retryAfterS = 0;
  private left: number;

  /** `msgIds`: of each item the message that it names, null where it names none. */
  constructor(msgIds: readonly (string | null)[], parts: number, finish: (answer: Answer) => void) {
    this.msgIds = msgIds;
    this.results = msgIds.map(() => 'null');
    this.left = parts;
    this.finish = finish;
  }

  /** Another node may have answered anything: what is no answer to a batch says nothing of what became of these items. */
  add({ items }: BatchPart, answer: Answer): void {
    this.retryAfterS = Math.max(this.retryAfterS, answer.retryAfterS ?? 0);
    const results = resultsIn(answer, items.length) ?? items.map(() => errorOf('journal', UNANSWERED));
    for (const [i, item] of items.entries()) {
      const result = this.named(item, results[i] as object);
      this.results[item] = JSON.stringify(result);
      if ('code' in result) this.count(result as ErrorResult);
    }
    if (--this.left === 0) this.end();
  }

  /** What was refused as a whole, or not answered, named nothing. */
  private named(item: number, result: object): object {
    const msgId = this.msgIds[item] ?? null;
    return msgId === null || 'msg_id' in result || !('code' in result) ? result : { msg_id: msgId, ...result };
  }

  private count({ code, reason = undefined }: ErrorResult): void {
    const outcome = refusalNamed(code, reason ?? null);
    if (outcome !== null) this.refused.push(outcome);
  }

  private end(): void {
    const { refused, retryAfterS } = this;
    this.finish({
      ...done(`{"results":[${this.results.join(',')}]}`),
      ...(refused.length === 0 ? {} : { refusedItems: refused }),
      ...(retryAfterS === 0 ? {} : { retryAfterS }),
    });
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A result for each of so many items: those of the answer, or its refusal of all. Null where it is neither. */
function resultsIn({ status, body }: Answer, count: number): readonly object[] | null {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  if (status !== 200) return 'code' in value ? Array.from({ length: count }, () => itemOf(value)) : null;
  const { results } = value as { readonly results?: unknown };
  return Array.isArray(results) && results.length === count && results.every(isObject) ? results : null;
}

/** A refusal of all as that of one: whose request it was is said once. */
function itemOf(refusal: object): object {
  const { corr_id: _, ...error } = refusal as { readonly corr_id?: unknown };
  return error;
}
