import type { EngineLogs } from '../../src/cluster/engine-logs.ts';
import type { Content } from './cluster-mistakes.ts';
import { jsonFraming } from './shard-log.ts';

export const framing = jsonFraming<Content>();

interface Told {
  readonly content: Content;
  readonly sequence: number;
  readonly atMs: number;
}
/** A frame whose answer an owner was given. */
export interface Answered {
  readonly shard: number;
  readonly term: number;
  readonly sequence: number;
  readonly content: Content;
}

/** What must be true of each shard, whoever has it. */
export class ClusterChecker {
  breach: string | null = null;
  answers = 0;
  takeovers = 0;
  /** Reads that found what had been sent, in part or not at all, or somebody else's. */
  readonly looks = new Map<string, number>();
  private readonly logs: EngineLogs;
  private readonly told: Told[][];
  /** Where each term began whose announcement was answered, by shard. */
  private readonly begins: Map<number, number>[];

  constructor(logs: EngineLogs, shards: number) {
    this.logs = logs;
    this.told = Array.from({ length: shards }, () => []);
    this.begins = Array.from({ length: shards }, () => new Map());
  }

  breaks(rule: string): void {
    this.breach ??= rule;
  }

  looked(found: string): void {
    this.looks.set(found, (this.looks.get(found) ?? 0) + 1);
  }

  /** An owner has replayed the log and its announcement is answered: it knows all that was answered of what is before that. */
  takenOver(announced: Answered, replayed: readonly Content[], atMs: number): void {
    this.takeovers++;
    const { shard, term, sequence } = announced;
    const known = new Set(replayed);
    const lost = this.told[shard]!.find((told) => told.sequence < sequence && !known.has(told.content));
    if (lost !== undefined) this.breaks(`an owner takes over without ${lost.content}, which was answered`);
    this.begins[shard]!.set(term, sequence);
    this.answered(announced, atMs);
  }

  /** It is where it was said to be, and no later owner began before it: that one would not know of it. */
  answered({ shard, term, sequence, content }: Answered, atMs: number): void {
    this.answers++;
    const stored = this.logs.logOf(shard)[sequence - 1];
    if (stored === undefined || framing.open(stored.body)?.content !== content)
      this.breaks(`${content} is answered and not in the log`);
    for (const [later, began] of this.begins[shard]!)
      if (later > term && began <= sequence) this.breaks(`an answer of term ${term} for what came after term ${later}`);
    this.told[shard]!.push({ content, sequence, atMs });
  }

  halted(): void {
    this.breaks('an owner finds that something durable is gone');
  }

  isServedSince(atMs: number): boolean {
    return this.told.every((told) => (told.at(-1)?.atMs ?? 0) > atMs);
  }

  end(): void {
    for (const shard of this.told.keys()) this.wholeLog(shard);
  }

  /** Chain, terms, and every answer, once. */
  private wholeLog(shard: number): void {
    let [sequence, term, node] = [0, 0, ''];
    let hash: Uint8Array = new Uint8Array(32);
    const contents: Content[] = [];
    for (const { body } of this.logs.logOf(shard)) {
      const opened = framing.open(body)!;
      if (opened.sequence !== ++sequence || Buffer.compare(opened.previous, hash) !== 0)
        return this.breaks(`frame ${sequence} does not follow the one before`);
      const [kind, by] = opened.content.split(' ') as [string, string];
      const isNext = kind === 'started' ? opened.term > term : opened.term === term && by === node;
      if (!isNext) return this.breaks(`frame ${sequence} of ${by} in term ${opened.term} after ${node} in ${term}`);
      ({ term, hash } = opened);
      node = by;
      contents.push(opened.content);
    }
    const facts = contents.filter((content) => !content.startsWith('nothing'));
    if (new Set(facts).size !== facts.length) this.breaks('something is in the log twice');
    const lost = this.told[shard]!.find(({ content }) => !contents.includes(content));
    if (lost !== undefined) this.breaks(`${lost.content} was answered and is gone`);
  }
}
