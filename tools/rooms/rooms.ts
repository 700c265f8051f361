import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CODE_FILES, ROOT } from '../mutation/code.ts';

/** A room of the house: its files, and the tests nearest to them, which alone judge what is changed there. */
export interface Room {
  readonly name: string;
  readonly folder: string;
  /** Which files of the folder; all of them unless said. */
  readonly only?: RegExp;
  /** Patterns of test files, as Vitest takes them. */
  readonly tests: readonly string[];
  /** Percent of mutants, equivalents aside, that are to be killed. */
  readonly aim: number;
}

const STRUCTURES =
  /^(heap|line|living|row-log|row-numbers|rows|savepoint|slots|weight|window-index|window-key|packing|msg-id|tenant)\.ts$/;
export const ROOMS: readonly Room[] = [
  { name: 'structures', folder: 'src/core', only: STRUCTURES, tests: ['test/core'], aim: 95 },
  { name: 'service', folder: 'src/service', tests: ['test/service', 'test/scenarios'], aim: 95 },
  { name: 'journal', folder: 'src/journal', tests: ['test/journal'], aim: 95 },
  { name: 'auth', folder: 'src/auth', tests: ['test/auth'], aim: 95 },
  { name: 'node', folder: 'src/node', tests: ['test/node'], aim: 85 },
];

export interface RoomFile {
  readonly room: Room;
  readonly file: string;
}

/** What the graphs judge is not judged again; declarations hold nothing that could be changed. */
export const roomFiles = (): RoomFile[] =>
  ROOMS.flatMap((room) =>
    readdirSync(join(ROOT, room.folder))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && (room.only?.test(name) ?? true))
      .map((name) => ({ room, file: `${room.folder}/${name}` })),
  ).filter(({ file }) => !CODE_FILES.includes(file));
