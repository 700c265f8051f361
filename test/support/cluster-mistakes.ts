import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { type Place, ShardLog } from '../../src/cluster/shard-log.ts';
import type { AppendOutcome, EngineFrame, StoredFrame } from '../../src/ports/engine.ts';

/** The mistakes of the negative models (`tla/Neg*.tla`), made in code; and an adapter that believes a lie. */
export const MISTAKES = [
  'next number in a pipe',
  'key without hash',
  'found is durable',
  'lease instead of the log',
  'asynchronous engine',
  'term from a register',
  'hash of the engine',
  'answer with a warning',
] as const;
export type Mistake = (typeof MISTAKES)[number];

class ByNumber extends EngineLogs {
  override insert(frame: EngineFrame): boolean {
    const fits = frame.sequence === this.logOf(frame.shard).length + 1;
    if (fits) this.push(frame.shard, frame);
    return fits;
  }
}
class Anyway extends EngineLogs {
  override insert(frame: EngineFrame): boolean {
    this.push(frame.shard, frame);
    return true;
  }
}

export function logsWith(mistake: Mistake | null, shards: number): EngineLogs {
  if (mistake === 'next number in a pipe' || mistake === 'key without hash') return new ByNumber(shards);
  return mistake === 'lease instead of the log' ? new Anyway(shards) : new EngineLogs(shards);
}

export type Content = string;
type LogOptions = ConstructorParameters<typeof ShardLog<Content>>[0];

class FoundIsDurable extends ShardLog<Content> {
  readonly early: Content[] = [];
  override look(frames: readonly StoredFrame[]) {
    const sent = this.flight;
    const looked = super.look(frames);
    if (looked.found === 'present') this.early.push(...sent.map(({ content }) => content));
    return looked;
  }
  override ended(frame: EngineFrame, outcome: AppendOutcome): readonly Content[] {
    return super.ended(frame, outcome).filter((content) => !this.early.includes(content));
  }
}

/** It draws a number when it claims, and another when it announces again. */
class TermFromRegister extends ShardLog<Content> {
  private readonly next: () => number;
  private term: number;
  constructor(options: LogOptions, next: () => number) {
    super(options);
    this.next = next;
    this.term = next();
  }
  override announce(content: Content): EngineFrame {
    this.go('ended');
    return this.send(content, this.term);
  }
  override ended(frame: EngineFrame, outcome: AppendOutcome): readonly Content[] {
    const was = this.state;
    const durable = super.ended(frame, outcome);
    if (was === 'announcing' && this.state === 'serving') this.known = { ...this.known, term: this.term };
    if (was === 'announcing' && this.state === 'reading') this.term = this.next();
    return durable;
  }
  /** Terms need not be those that the log would give. */
  override read(frames: readonly StoredFrame[]): readonly Content[] | null {
    const contents: Content[] = [];
    for (const stored of this.known.sequence === 0 ? frames : frames.slice(1)) {
      const opened = this.options.framing.open(stored.body);
      if (opened === null) return null;
      this.known = opened;
      contents.push(opened.content);
    }
    return contents;
  }
}

class HashOfEngine extends ShardLog<Content> {
  private readonly last: () => Place | null;
  constructor(options: LogOptions, last: () => Place | null) {
    super(options);
    this.last = last;
  }
  override append(content: Content): EngineFrame {
    const last = this.last();
    if (this.flight.length === 0 && last !== null) this.known = { ...last, term: this.known.term };
    return super.append(content);
  }
}

/** The log of a shard at a node, with the mistake where it is one of owners. */
export function shardLogWith(
  mistake: Mistake | null,
  options: LogOptions,
  world: { readonly logs: EngineLogs; register: number },
): ShardLog<Content> {
  if (mistake === 'found is durable') return new FoundIsDurable(options);
  if (mistake === 'term from a register') return new TermFromRegister(options, () => ++world.register);
  if (mistake !== 'hash of the engine') return new ShardLog(options);
  return new HashOfEngine(options, () => {
    const stored = world.logs.logOf(options.shard).at(-1);
    return stored === undefined ? null : { ...stored, term: 0 };
  });
}

/** What the mistake takes for durable without an answer. */
export const earlyOf = (log: ShardLog<Content>): readonly Content[] => (log instanceof FoundIsDurable ? log.early : []);
