import type { OwnershipState } from '../../spec/ownership.ts';
import { BEGINNING, type Framing, type Place, type Sent, ShardLog } from '../cluster/shard-log.ts';
import type { EngineFrame } from '../ports/engine.ts';
import { FRAME_KINDS, type FrameKind, type StatementPlace } from './ownership-constants.ts';

export interface FrameContent {
  readonly node: number;
  readonly kind: FrameKind;
}

/** Bytes of one frame in a chain: its term, its node, its kind. */
export const LINK_BYTES = 3;

/** A hash that is the chain itself: all that led to it, frame by frame. */
const framing: Framing<FrameContent> = {
  seal({ sequence, term, previous }, { node, kind }) {
    const before = sequence === 1 ? new Uint8Array(0) : previous;
    const hash = new Uint8Array([...before, term, node, FRAME_KINDS.indexOf(kind)]);
    return { hash, body: hash };
  },
  open(body) {
    const before = body.subarray(0, body.length - LINK_BYTES);
    const [term, node, kind] = body.subarray(body.length - LINK_BYTES) as unknown as [number, number, number];
    return {
      sequence: body.length / LINK_BYTES,
      term,
      previous: before.length === 0 ? BEGINNING.hash : before,
      hash: body,
      content: { node, kind: FRAME_KINDS[kind] as FrameKind },
    };
  },
};

/** A statement whose answer is still to come. */
export interface Statement {
  readonly frame: EngineFrame;
  readonly place: Exclude<StatementPlace, 'none'>;
}

interface Saved {
  readonly state: OwnershipState;
  readonly known: Place;
  readonly flight: readonly Sent<FrameContent>[];
  readonly statements: readonly Statement[];
  readonly late: EngineFrame | null;
}
export type SavedNode = Saved;

/** A node of the model: the shipped log of its one shard, and where its statements are. */
export class OwnershipNode extends ShardLog<FrameContent> {
  readonly number: number;
  statements: readonly Statement[] = [];
  /** A statement that nobody waits for and that may still come. */
  late: EngineFrame | null = null;

  constructor(number: number, flightMax: number) {
    super({ shard: 0, framing, flightMax, nothing: { node: number, kind: 'nothing' } });
    this.number = number;
  }

  get tip(): number {
    return this.underWay.at(-1)?.frame.sequence ?? this.place.sequence;
  }

  put(frame: EngineFrame): void {
    this.statements = [...this.statements, { frame, place: 'way' }];
  }

  placeOf(frame: EngineFrame): StatementPlace {
    return this.statements.find((one) => one.frame === frame)?.place ?? 'none';
  }

  move(statement: Statement, place: Statement['place']): void {
    this.statements = this.statements.map((one) => (one === statement ? { ...one, place } : one));
  }

  /** What it was told by this answer: the last frame that is durable now, if any. */
  hear({ frame }: Statement, outcome: 'durable' | 'refused'): EngineFrame | null {
    const before = this.underWay;
    const durable = this.ended(frame, outcome);
    this.statements = this.statements.filter(
      (one) => one.frame !== frame && this.underWay.some((sent) => sent.frame === one.frame),
    );
    for (const [i, content] of durable.entries())
      if (before[i]?.content !== content) throw new Error('what became durable is not what was sent first');
    return before[durable.length - 1]?.frame ?? null;
  }

  /** Nothing that is under way is answered any more. */
  disconnect(): void {
    const { statements } = this;
    this.statements = [];
    for (const { frame } of statements) this.ended(frame, 'unknown');
  }

  leave(): void {
    this.statements = [];
    this.lapse();
  }

  save(): Saved {
    const { state, known, flight, statements, late } = this;
    return { state, known, flight, statements, late };
  }

  restore({ state, known, flight, statements, late }: Saved): void {
    this.now = state;
    this.known = known;
    this.flight = flight;
    this.statements = statements;
    this.late = late;
  }
}
