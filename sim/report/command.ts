import { shellWord } from '../../src/platform/visible.ts';
import type { Schedule } from '../schedule.ts';

/** The command that makes the run again. */
export const commandOf = ({ file }: Pick<Schedule, 'file'>, seed: number): string =>
  file.startsWith('swarm#') ? `mailbox sim run ${file}` : `mailbox sim run ${shellWord(file)} --seed ${seed}`;
