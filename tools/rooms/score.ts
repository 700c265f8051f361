import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTable } from '../documents.ts';
import { ROOT } from '../mutation/code.ts';
import { ROOMS, type Room, roomFiles } from './rooms.ts';
import type { Tried } from './stryker.ts';

/** What came of one file, the last time it was tried. */
export interface FileScore {
  /** SHA-256 of the file as it was then, in hex. */
  readonly source: string;
  readonly mutants: number;
  /** Ids of those that no test of the room told from the original. */
  readonly lives: readonly string[];
}
export type Scores = Readonly<Record<string, FileScore>>;

const README = join(ROOT, 'README.md');
const SCORE = join(import.meta.dirname, 'score.json');
const UNNOTICED = join(import.meta.dirname, 'unnoticed.json');

export const readScores = (): Scores => (existsSync(SCORE) ? (JSON.parse(readFileSync(SCORE, 'utf8')) as Scores) : {});
/** Mutants that nobody who uses a mailbox, or reads its files, could notice: by file and id, each with its reason. */
export type Unnoticed = Readonly<Record<string, Readonly<Record<string, string>>>>;
export const readUnnoticed = (): Unnoticed => JSON.parse(readFileSync(UNNOTICED, 'utf8')) as Unnoticed;

export const sourceOf = (file: string): string =>
  createHash('sha256')
    .update(readFileSync(join(ROOT, file)))
    .digest('hex');

/** Keeps what came of a file: a run that is broken off has lost one file at most. */
export function keepScore(file: string, tried: readonly Tried[]): void {
  const lives = tried.filter(({ killed }) => !killed).map(({ id }) => id);
  const scores = { ...readScores(), [file]: { source: sourceOf(file), mutants: tried.length, lives } };
  const sorted = Object.fromEntries(Object.entries(scores).sort(([one], [other]) => (one < other ? -1 : 1)));
  writeFileSync(SCORE, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** Those of a file that live and ought not to. */
export const open = (file: string, { lives }: FileScore, unnoticed: Unnoticed): string[] =>
  lives.filter((id) => unnoticed[file]?.[id] === undefined);

interface Sum {
  readonly tried: number;
  readonly mutants: number;
  readonly unnoticed: number;
  readonly open: number;
}

function sumOf(room: Room, scores: Scores, unnoticed: Unnoticed): Sum {
  const files = roomFiles().filter((one) => one.room === room);
  const known = files.flatMap(({ file }) => {
    const score = scores[file];
    return score === undefined ? [] : [{ score, open: open(file, score, unnoticed).length }];
  });
  const [mutants, lives, ours] = known.reduce(
    ([all, living, left], one) => [all + one.score.mutants, living + one.score.lives.length, left + one.open],
    [0, 0, 0] as readonly [number, number, number],
  );
  return { tried: known.length, mutants, unnoticed: lives - ours, open: ours };
}

const percent = ({ mutants, unnoticed, open }: Sum): string => {
  const counted = mutants - unnoticed;
  return counted === 0 ? '' : `${((100 * (counted - open)) / counted).toFixed(1)} %`;
};

/** The score by room, as a table in Markdown. */
export const tableOf = (scores: Scores, unnoticed: Unnoticed): string =>
  [
    '| room | files tried | mutants | nobody could notice | killed by the tests of the room | live | aim |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...ROOMS.map((room) => {
      const sum = sumOf(room, scores, unnoticed);
      const cells = [sum.tried, sum.mutants, sum.unnoticed, percent(sum), sum.open];
      return `| ${room.name} | ${cells.join(' | ')} | ${room.aim} % |`;
    }),
  ].join('\n');

const fill = (text: string): string => withTable(text, 'rooms', tableOf(readScores(), readUnnoticed()));
export const writeTable = (): void => writeFileSync(README, fill(readFileSync(README, 'utf8')));

/** What does not fit together: the README and the score, a reason for what is not there. Empty when all does. */
export function faultsOfRooms(): string[] {
  const [text, scores, files] = [readFileSync(README, 'utf8'), readScores(), roomFiles().map(({ file }) => file)];
  return [
    ...(fill(text) === text ? [] : ['README.md shows another score of the rooms: npm run rooms -- --table']),
    ...Object.keys(scores)
      .filter((file) => !files.includes(file))
      .map((file) => `${file} has a score, and is not there`),
    ...Object.entries(readUnnoticed()).flatMap(([file, reasons]) =>
      Object.entries(reasons)
        .filter(([id, why]) => why.length < 10 || !scores[file]?.lives.includes(id))
        .map(([id]) => `unnoticed: ${file} ${id}: no such mutant lives, or no reason is given`),
    ),
  ];
}
