import type { Outcome } from '../../spec/vocabulary.ts';
import { ROUTE_IDS, type Row, rowOf } from './contract.ts';
import { OUTSIDE } from './outcomes.ts';

/** Which part of a request an outcome refuses. */
export type Part = 'request' | 'item' | 'ack' | 'rest of the stream';

/** A route that gives an outcome. */
export interface Given {
  /** Method and path. */
  readonly route: string;
  readonly parts: readonly Part[];
}

const PARTS: readonly (readonly [part: Part, outcomes: (row: Row) => readonly Outcome[]])[] = [
  ['request', ({ refusals, other }) => [...refusals, ...(other?.outcomes ?? [])]],
  ['item', ({ itemRefusals = [] }) => itemRefusals],
  ['ack', ({ ackRefusals = [] }) => ackRefusals],
  ['rest of the stream', ({ ends = [] }) => ends],
];

export const routeName = ({ method, path }: Row): string => `${method} ${path}`;

/** The routes that give an outcome. */
export const givenBy = (outcome: Outcome): readonly Given[] =>
  ROUTE_IDS.map(rowOf).flatMap((row) => {
    const parts = PARTS.filter(([, outcomes]) => outcomes(row).includes(outcome)).map(([part]) => part);
    return parts.length === 0 ? [] : [{ route: routeName(row), parts }];
  });

/** The widest first. */
const GROUPS: readonly (readonly [name: string, has: (row: Row) => boolean])[] = [
  ['every route', () => true],
  ['every route with a capability', ({ ops }) => ops !== null],
  ['every route with a body', ({ method }) => method === 'POST'],
  ['every admin route', ({ admin }) => admin === true],
];
/** What asks for no route of ours is refused, too. */
const NO_ROUTE: Readonly<Partial<Record<Outcome, string>>> = {
  not_found: 'a path that is none',
  method: 'a path that has other methods',
};

/** The same in as few words as can be. */
export function givenInWords(outcome: Outcome): string {
  const left = new Set(givenBy(outcome).map(({ route }) => route));
  const words: string[] = [];
  for (const [name, has] of GROUPS) {
    const routes = ROUTE_IDS.map(rowOf).filter(has).map(routeName);
    if (!routes.every((route) => left.has(route))) continue;
    words.push(name);
    for (const route of routes) left.delete(route);
  }
  const outside = OUTSIDE.includes(outcome) ? NO_ROUTE[outcome] : undefined;
  return [...words, ...left, ...(outside === undefined ? [] : [outside])].join(', ');
}
