import { FEATURES } from './features.ts';

/** Why no model on record has two features in one behaviour; a reason for what some model has is none. */
interface Reason {
  readonly mark: string;
  readonly why: string;
  /** Each of the one with each of the other; `with` null: with whatever there is. */
  readonly pairs: readonly { readonly of: readonly string[]; readonly with: readonly string[] | null }[];
}

const JOURNAL = ['several facts in an append', 'facts lost in a crash', 'failed append'];
const ANSWERS = [
  ...['verb said again', 'receipt that settles nothing', 'duplicate or conflict of a key'],
  ...['bound full', 'tenant beyond its share'],
];

export const REASONS: readonly Reason[] = [
  {
    mark: 'a',
    why: 'no specification has snapshots: what a journal with them recovers is held against all that was acknowledged by `test/journal/crash.test.ts` and `test/journal/compaction.test.ts`',
    pairs: [{ of: ['snapshot'], with: null }],
  },
  {
    mark: 'b',
    why: 'no specification has two shards, so none has a frame with facts of both',
    pairs: [{ of: ['two shards in a frame'], with: null }],
  },
  {
    mark: 'c',
    why: '`tla/Durability.tla` has no answers that change nothing',
    pairs: [{ of: JOURNAL, with: ANSWERS }],
  },
  {
    mark: 'd',
    why: 'an entry of the tail of `tla/Durability.tla` is an action, a message and its timer: a nack that asks for the dead letters looks like one that gives back at once',
    pairs: [{ of: JOURNAL, with: ['dead letter asked for'] }],
  },
  {
    mark: 'e',
    why: 'no model has both',
    pairs: [{ of: JOURNAL, with: ['push-out', 'key used again'] }],
  },
];

const INDEX = new Map(FEATURES.map(({ name }, i) => [name, i] as const));
const isOf = (names: readonly string[] | null, i: number): boolean =>
  names === null || names.some((name) => INDEX.get(name) === i);
const reasonOf = (i: number, j: number): string | null =>
  REASONS.find(({ pairs }) =>
    pairs.some((pair) => (isOf(pair.of, i) && isOf(pair.with, j)) || (isOf(pair.of, j) && isOf(pair.with, i))),
  )?.mark ?? null;

interface Met {
  readonly model: string;
  readonly met: readonly number[];
}
/** The first of these models that has both features in one behaviour. */
export const modelOf = (models: readonly Met[], i: number, j: number): string | null =>
  models.find(({ met }) => (((met[i] as number) >>> j) & 1) === 1)?.model ?? null;

/** Features that are named in a reason and are none. */
export const unknownFeatures = (): string[] =>
  REASONS.flatMap(({ pairs }) => pairs.flatMap((pair) => [...pair.of, ...(pair.with ?? [])])).filter(
    (name) => !INDEX.has(name),
  );

/** What is wrong: a pair that has neither a model nor a reason, or both. */
export function faultsOf(models: readonly Met[]): string[] {
  return FEATURES.flatMap((one, i) =>
    FEATURES.slice(0, i + 1).flatMap((other, j) => {
      const [model, reason] = [modelOf(models, i, j), reasonOf(i, j)];
      if ((model === null) !== (reason === null)) return [];
      const pair = `${one.name} and ${other.name}`;
      return [model === null ? `${pair}: no model has both, and nothing says why` : `${pair}: in ${model} after all`];
    }),
  );
}

/** Features by features; each cell names the smallest model, or the mark of a reason. */
export function pairTable(models: readonly Met[]): string {
  const cell = (i: number, j: number): string =>
    modelOf(models, i, j)?.replace(/^MC/, '') ?? `(${reasonOf(i, j) ?? '?'})`;
  return [
    `| | ${FEATURES.map((_, i) => i + 1).join(' | ')} |`,
    `|---|${'---|'.repeat(FEATURES.length)}`,
    ...FEATURES.map(({ name }, i) => `| ${i + 1} ${name} | ${FEATURES.map((_, j) => cell(i, j)).join(' | ')} |`),
    '',
    ...REASONS.map(({ mark, why }) => `- (${mark}): ${why}.`),
  ].join('\n');
}
