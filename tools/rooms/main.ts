/**
 * `npm run rooms [-- OPTIONS]`: changes the code around the core, one place at a time, and asks whether a test of the same room sees it.
 * The core itself is judged by `npm run mutate`.
 */
import { argumentsOf, refuse, whole } from '../arguments.ts';
import { ROOMS, type RoomFile, roomFiles } from './rooms.ts';
import { keepScore, open, readScores, readUnnoticed, sourceOf, tableOf, writeTable } from './score.ts';
import { strykerFolder, tryAll } from './stryker.ts';

const USAGE = `npm run rooms [-- OPTIONS]: which changes of the code around the core no test of its room sees
  --room NAME   of ${ROOMS.map(({ name }) => name).join(', ')}; all unless said
  --match TEXT  files whose path holds this text
  --again       those too that have not changed since they were tried
  --lanes N     so many at a time, 2 unless said
  --open        tries nothing: lists what lives
  --table       tries nothing: writes the score to README.md
STRYKER is a folder that has StrykerJS in it. What came of each file is kept in tools/rooms/score.json at once.
Exit: 0 it was tried, 1 StrykerJS is missing or failed, 2 wrongly called.`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const { values } = argumentsOf(USAGE, {
  ...{ room: text, match: text, lanes: text },
  ...{ again: flag, open: flag, table: flag },
});

const changed = ({ file }: RoomFile): boolean => readScores()[file]?.source !== sourceOf(file);

function main(): void {
  const lanes = whole('lanes', values.lanes, 1, 64) ?? 2;
  const [room, match] = [values.room, values.match ?? ''];
  const wanted = roomFiles().filter(
    (one) => (room === undefined || one.room.name === room) && one.file.includes(match),
  );
  if (values.table === true) return writeTable();
  if (values.open !== true) {
    strykerFolder();
    for (const one of wanted.filter((file) => values.again === true || changed(file))) {
      const tried = tryAll(one, lanes);
      keepScore(one.file, tried);
      console.log(`${one.file}: ${tried.filter(({ killed }) => killed).length} of ${tried.length}`);
    }
    writeTable();
  }
  const [scores, unnoticed] = [readScores(), readUnnoticed()];
  for (const { file } of wanted)
    for (const id of scores[file] === undefined ? [] : open(file, scores[file], unnoticed))
      console.log(`${file}  ${id}`);
  const untried = wanted.filter(({ file }) => scores[file] === undefined).length;
  if (untried > 0) console.log(`${untried} of ${wanted.length} files were not tried yet`);
  console.log(tableOf(scores, unnoticed));
}

try {
  main();
} catch (error) {
  if (error instanceof Error && error.message.startsWith('STRYKER')) {
    console.error(error.message);
    process.exit(1);
  }
  refuse(error, USAGE);
}
