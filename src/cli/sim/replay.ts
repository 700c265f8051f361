import type { Command } from 'commander';
import { shellWord } from '../../platform/visible.ts';
import { examples, print, printJson } from '../shared.ts';
import { type OutputOptions, outputsOf, withOutputs } from './run.ts';
import { explainExits, version } from './shared.ts';

export function addReplay(sim: Command): void {
  const replay = sim
    .command('replay <file>')
    .description('run a replay file, and say where it diverges from what was recorded');
  withOutputs(replay).option('--steps', 'print every step');
  explainExits(replay);
  examples(replay, 'mailbox sim replay sim-failures/swarm-17.replay.json --steps');
  replay.action(async (file: string, options: OutputOptions & { readonly steps?: true }) => {
    const [
      { readReplay, writeReplay, replayOf, concludeReplay },
      { play },
      { partingStep, stepsAround, stepsBetween, formatHappening },
      report,
    ] = await Promise.all([
      import('../../../sim/replay/file.ts'),
      import('../../../sim/replay/player.ts'),
      import('../../../sim/diff.ts'),
      import('../../../sim/report/text.ts'),
    ]);
    const recorded = readReplay(file);
    const outputs = await outputsOf(options);
    const startedMs = performance.now();
    const played = play(recorded.script, { fingerprint: true, observers: outputs.observers });
    const seconds = (performance.now() - startedMs) / 1000;
    const conclusion = concludeReplay(played.run, recorded.expects);
    outputs.write(played.run, conclusion, {
      title: recorded.from,
      description: recorded.title,
      seed: recorded.from.split('#')[1] ?? '-',
      version: version(),
      repeat: `mailbox sim replay ${shellWord(file)}`,
    });
    if (options.save !== undefined) writeReplay(options.save, replayOf(recorded.script, played, recorded));
    const parts = partingStep(recorded.prints, played.world.loop.prints ?? []);
    const around = parts === 0 ? [] : stepsAround((again) => play(recorded.script, again), parts);
    if (options.json) {
      const { script: _, prints, ...about } = recorded;
      printJson({
        file,
        recorded: { ...about, steps: prints.length },
        ...played.run,
        ...report.concluded(conclusion),
        seconds,
        divergesAt: parts || null,
        around,
      });
    } else {
      if (options.steps) {
        const all = stepsBetween((again) => play(recorded.script, again), 0, Number.POSITIVE_INFINITY);
        print(`${all.map(formatHappening).join('\n')}\n`);
      }
      print(report.formatReplay(file, recorded, played.run, conclusion, seconds));
      if (parts > 0) {
        print(`diverges   at step ${parts} of ${recorded.prints.length}; now it goes`);
        for (const happening of around) print(formatHappening(happening));
      } else print(`diverges   nowhere: all ${recorded.prints.length} steps are as recorded`);
      if (options.coverage) print(`\n${report.formatCoverage(played.run.matrix)}`);
    }
    process.exitCode = conclusion.exit;
  });
}
