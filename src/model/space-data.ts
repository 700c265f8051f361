import type { Variables } from './graph.ts';

/** What the page of a state space holds. Arrays are in base64 of gzip: bytes, or numbers of four bytes, the lowest first. */
export interface SpaceData {
  readonly model: string;
  readonly about: string;
  /** 1..N; 0 where no variable is of messages. */
  readonly messages: number;
  readonly variables: Variables;
  readonly actions: readonly string[];
  /** Bytes of a state. */
  readonly width: number;
  readonly count: number;
  readonly steps: number;
  readonly initial: readonly number[];
  readonly rows: string;
  /** Where the steps of each state begin; one more than there are states. */
  readonly offsets: string;
  readonly actionOf: string;
  readonly targetOf: string;
  /** Of each step who has it: 1 the code, 2 the specification, 4 what TLC printed. */
  readonly sides: string;
  /** Whether the specification's graph is on record; else only what the code does is here. */
  readonly hasSpec: boolean;
  /** What TLC printed: from where to where, by which action; -1 at the beginning. */
  readonly shown: readonly { readonly action: number; readonly state: number }[];
  readonly violated: string | null;
}
