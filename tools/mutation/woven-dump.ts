import type { Graph } from '../../src/model/graph.ts';
import type { Subject } from '../../src/model/models.ts';
import { DumpReader } from '../../src/model/tlc-dump.ts';
import { TypeMismatch } from '../../src/model/values.ts';
import { CHOICE } from './schema.ts';

const EDGE = /^(-?\d+) -> /;
const NODE = /^(-?\d+) \[label="/;
const CHOSEN = new RegExp(`(?:\\\\n)?/\\\\\\\\ ${CHOICE} = (\\d+)(?:\\\\n)?`);

/** Reads the dump of a woven module: a graph for each mutant in it. */
export class WovenDump {
  private readonly subject: Subject;
  private readonly readers = new Map<number, DumpReader>();
  private readonly counts = new Map<number, number>();
  private readonly mutantOf = new Map<string, number>();
  /** Of mutants with a state or value that no state of the specification can have. */
  readonly outside = new Map<number, string>();

  constructor(subject: Subject) {
    this.subject = subject;
  }

  line(text: string): void {
    const edge = EDGE.exec(text);
    const number = edge === null ? this.node(text) : this.mutantOf.get(edge[1] as string);
    if (number === undefined || this.outside.has(number)) return;
    try {
      this.readerOf(number).line(edge === null ? withoutChoice(text) : text);
    } catch (error) {
      if (!(error instanceof TypeMismatch)) throw error;
      this.outside.set(number, error.message);
    }
  }

  /** Which mutant a state is of; states are described more than once. */
  private node(text: string): number | undefined {
    const fingerprint = NODE.exec(text)?.[1];
    const number = Number(CHOSEN.exec(text)?.[1]);
    if (fingerprint === undefined) return undefined;
    if (Number.isNaN(number)) throw new Error(`dump: a state of no mutant: ${text.slice(0, 120)}`);
    if (!this.mutantOf.has(fingerprint)) {
      this.mutantOf.set(fingerprint, number);
      this.counts.set(number, (this.counts.get(number) ?? 0) + 1);
    }
    return number;
  }

  private readerOf(number: number): DumpReader {
    const known = this.readers.get(number);
    if (known !== undefined) return known;
    const reader = new DumpReader(this.subject.variables, this.subject.actions);
    this.readers.set(number, reader);
    return reader;
  }

  /** The graph of this mutant; null when it has none: no initial state, or `outside`. */
  graphOf(number: number): Graph | null {
    if (this.outside.has(number)) return null;
    return this.readers.get(number)?.finish(this.counts.get(number) as number) ?? null;
  }
}

/** The label's conjuncts are one a line; this one is taken out with one of the line ends beside it. */
const withoutChoice = (text: string): string =>
  text.replace(CHOSEN, (found) => (found.startsWith('\\n') && found.endsWith('\\n') ? '\\n' : ''));
