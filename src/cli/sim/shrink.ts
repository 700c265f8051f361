import type { Command } from 'commander';
import { examples, print, printJson, UsageError } from '../shared.ts';
import { explainExits, version } from './shared.ts';

const PLAYS_MAX = 1_000_000;

export function addShrink(sim: Command): void {
  const shrink = sim
    .command('shrink <file>')
    .description('make a failing replay file as small as it goes: without any one element it would not fail')
    .option('--out <file>', 'where to write it, else over the file')
    .option('--json', 'print JSON');
  explainExits(shrink);
  examples(shrink, 'mailbox sim shrink run.json --out small.json');
  shrink.action(async (file: string, { out, json }: { out?: string; json?: true }) => {
    const [{ readReplay, writeReplay, replayOf }, { play }, { Shrinker }, report] = await Promise.all([
      import('../../../sim/replay/file.ts'),
      import('../../../sim/replay/player.ts'),
      import('../../../sim/replay/shrink.ts'),
      import('../../../sim/report/text.ts'),
    ]);
    const recorded = readReplay(file);
    if (play(recorded.script).run.verdict.kind === 'held')
      throw new UsageError(`${file}: holds, there is nothing to shrink`);
    const startedMs = performance.now();
    const { script, minimal, plays, run } = new Shrinker(recorded.script, {
      playsMax: PLAYS_MAX,
      isLate: () => false,
    }).run();
    const seconds = (performance.now() - startedMs) / 1000;
    const played = play(script, { fingerprint: true });
    const target = out ?? file;
    writeReplay(target, replayOf(script, played, { ...recorded, version: version(), minimal }));
    const [from, to] = [recorded.script.elements.length, script.elements.length];
    if (json) printJson({ file: target, from, to, minimal, plays, seconds, verdict: run.verdict });
    else {
      print(`shrunk     ${from} elements to ${to} in ${plays.toLocaleString('en')} runs, ${seconds.toFixed(1)} s`);
      print(`minimal    ${minimal ? 'yes: each element was taken out once more, and nothing fails without it' : 'no'}`);
      print(`verdict    ${report.lineOfVerdict(run.verdict)}`);
      print(`repeat     mailbox sim replay ${target}`);
    }
    process.exitCode = report.exitCodeOfVerdict(run.verdict);
  });
}
