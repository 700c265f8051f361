import Type, { type TSchema } from 'typebox';
import { GROUP_NAMES, type Group } from '../capabilities.ts';
import type { Draws, Range } from '../random.ts';
import { type Fields, LONGEST_MS, SHIFT_DAYS_MAX, SHIFT_MS_MAX } from '../yaml.ts';

/** The most nodes of a world, and the most shards of a node. */
export const NODES_MAX = 16;
export const SHARDS_MAX = 64;

/** What there is to choose from where a schedule leaves a place open. */
export interface Places {
  readonly nodes: number;
  readonly shards: number;
}

export type Unit = 'ms' | 'bytes' | 'count' | 'share' | 'factor' | 'name';

/**
 * One parameter of a fault. It is said once what it may be, and from that come the field of a schedule, the schema of a replay
 * file and the words of the documentation. `Planned` is what a schedule says, which may leave something to chance; `Exact` is what
 * is left when chance has decided.
 */
export interface Parameter<Planned, Exact> {
  readonly unit: Unit;
  /** What it may be, for people. */
  readonly range: string;
  /** What it is when a schedule does not say, as one would write it there; null when it must be said. */
  readonly fallback: string | null;
  /** Of the exact value, in a replay file. */
  readonly schema: TSchema;
  /** What replay files mean that were written before there was this parameter. */
  readonly formerly?: Exact;
  read(fields: Fields, field: string, places: Places): Planned;
  decide(planned: Planned, random: Draws, places: Places): Exact;
}

/** What it is called in a schedule: the same without its unit. */
export const fieldOf = (name: string): string => name.replace(/Ms$/, '');

/** A parameter in which nothing is left to chance. */
type Plain<T> = Parameter<T, T>;
const plain = <T>(parameter: Omit<Plain<T>, 'decide'>): Plain<T> => ({ ...parameter, decide: (planned) => planned });

const shown = (fallback: unknown): string | null => (fallback === undefined ? null : String(fallback));
const integer = (minimum: number, maximum: number): TSchema => Type.Integer({ minimum, maximum });

/** A time, or a range that it is drawn from whenever the fault happens. */
export const span = (): Parameter<Range, number> => ({
  unit: 'ms',
  range: 'time or range',
  fallback: null,
  schema: integer(0, LONGEST_MS),
  read: (fields, field) => fields.range(field),
  decide: (range, random) => random.within(range),
});

/** A time that is always the same. */
export const time = (fallbackMs?: number): Plain<number> =>
  plain({
    unit: 'ms',
    range: 'time',
    fallback: shown(fallbackMs),
    schema: integer(0, LONGEST_MS),
    read: (fields, field) => fields.duration(field, fallbackMs),
  });

/** A time that may be negative. */
export const shift = (): Plain<number> =>
  plain({
    unit: 'ms',
    range: `time within -${SHIFT_DAYS_MAX}d..${SHIFT_DAYS_MAX}d`,
    fallback: null,
    schema: integer(-SHIFT_MS_MAX, SHIFT_MS_MAX),
    read: (fields, field) => fields.shift(field),
  });

export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly unit?: Unit;
}

export const whole = ({ min, max, unit = 'count' }: Bounds, fallback?: number): Plain<number> =>
  plain({
    unit,
    range: `${min}..${max}`,
    fallback: shown(fallback),
    schema: integer(min, max),
    read: (fields, field) => fields.whole(field, min, max, fallback),
  });

/** A whole number, or a range that it is drawn from whenever the fault happens. */
export const wholes = ({ min, max, unit = 'count' }: Bounds, fallback: Range): Parameter<Range, number> => ({
  unit,
  range: `${min}..${max} or range`,
  fallback: `${fallback.min}..${fallback.max}`,
  schema: integer(min, max),
  read: (fields, field) => fields.wholeRange(field, max, fallback, min),
  decide: (range, random) => random.within(range),
});

const number = ({ min, max, unit }: Required<Bounds>, fallback?: number): Plain<number> =>
  plain({
    unit,
    range: `${min}..${max}`,
    fallback: shown(fallback),
    schema: Type.Number({ minimum: min, maximum: max }),
    read: (fields, field) => fields.number(field, min, max, fallback),
  });

export const factor = (min: number, max: number): Plain<number> => number({ min, max, unit: 'factor' });
export const share = (fallback: number): Plain<number> => number({ min: 0, max: 1, unit: 'share' }, fallback);

export const oneOf = <const T extends string>(
  names: readonly T[],
  fallback?: NoInfer<T>,
  formerly?: NoInfer<T>,
): Plain<T> =>
  plain({
    unit: 'name',
    range: names.map((name) => `\`${name}\``).join(', '),
    fallback: shown(fallback),
    schema: Type.Enum([...names]),
    ...(formerly === undefined ? {} : { formerly }),
    read: (fields, field) => fields.oneOf(field, names, fallback),
  });

/** Whose links. */
export const who = (): Plain<Group | 'all'> => oneOf<Group | 'all'>(['all', ...GROUP_NAMES], 'all');

/** One of the shards of the node, which chance says when the schedule does not. */
export const shard = (): Parameter<number | null, number> => ({
  unit: 'count',
  range: '0, 1 ..',
  fallback: 'any',
  schema: integer(0, SHARDS_MAX - 1),
  read: (fields, field, { shards }) => (fields.has(field) ? fields.whole(field, 0, shards - 1) : null),
  decide: (planned, random, { shards }) => planned ?? random.below(shards),
});

export const ROOT_KEYS_MAX = 200;
/** Root keys by number. No schedule names them. */
export const rootKeys = (): Plain<readonly number[]> =>
  plain({
    unit: 'name',
    range: `1..${ROOT_KEYS_MAX}`,
    fallback: null,
    schema: Type.Array(integer(1, ROOT_KEYS_MAX), { minItems: 1 }),
    read: (fields, field) => fields.wholes(field, 1, ROOT_KEYS_MAX),
  });
