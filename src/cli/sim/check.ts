import type { Command } from 'commander';
import type { Source } from '../../../sim/source.ts';
import { visible } from '../../platform/visible.ts';
import { EXIT, examples, print, printJson } from '../shared.ts';

/** How one file came out. */
interface Checked {
  readonly file: string;
  readonly ok: boolean;
  /** What it is, or what is wrong with it: place, field and limit. */
  readonly says: string;
}

/** `mailbox sim check FILE..`: reads schedules and replay files as `sim run` and `sim replay` would, and runs nothing. */
export function addCheck(sim: Command): void {
  const check = sim
    .command('check <file...>')
    .description('read schedules and replay files, and say what is wrong with them; nothing is run')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExit: ${EXIT.ok} all can be run, ${EXIT.usage} at least one cannot.`);
  examples(check, 'mailbox sim check my-schedule.yaml', 'mailbox sim check schedules/*.yaml failing.json');
  check.action(async (files: readonly string[], { json }: { json?: true }) => {
    const [{ sourceOf }, { ScheduleError }] = await Promise.all([
      import('../../../sim/source.ts'),
      import('../../../sim/yaml.ts'),
    ]);
    const checked = files.map((file): Checked => {
      try {
        return { file, ok: true, says: summary(sourceOf(file)) };
      } catch (error) {
        if (!(error instanceof ScheduleError)) throw error;
        return { file, ok: false, says: error.message };
      }
    });
    if (json) printJson(checked);
    else for (const { file, ok, says } of checked) print(ok ? `${visible(file)}: ok: ${says}` : visible(says));
    if (checked.some(({ ok }) => !ok)) process.exitCode = EXIT.usage;
  });
}

function summary(source: Source): string {
  if (source.kind === 'replay') return 'a replay file';
  const { name, setup, faults, violates } = source.schedule;
  const kinds = [...new Set(faults.map(({ kind }) => kind))].join(', ') || 'none';
  const end = violates === null ? '' : `; must violate ${violates}`;
  return `${name}: nodes ${setup.nodes}, ${setup.durationMs / 1000} s, faults: ${kinds}${end}`;
}
