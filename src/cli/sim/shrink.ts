import type { Command } from 'commander';
import { shellWord, visible } from '../../platform/visible.ts';
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
    const [{ readReplay, writeReplay, replayOf, concludeReplay }, { play }, { Shrinker }, report] = await Promise.all([
      import('../../../sim/replay/file.ts'),
      import('../../../sim/replay/player.ts'),
      import('../../../sim/replay/shrink.ts'),
      import('../../../sim/report/text.ts'),
    ]);
    const recorded = readReplay(file);
    const whole = play(recorded.script).run;
    if (whole.verdict.kind === 'held') {
      const { line } = concludeReplay(whole, recorded.expects);
      throw new UsageError(`${visible(file)}: ${line}: no rule is broken, there is nothing to shrink`);
    }
    // Goals are of the whole run: what is left of it need not reach them.
    const expects = { ...recorded.expects, goals: {}, counted: {} };
    const startedMs = performance.now();
    const { script, minimal, plays, run } = new Shrinker(recorded.script, {
      playsMax: PLAYS_MAX,
      isLate: () => false,
    }).run();
    const seconds = (performance.now() - startedMs) / 1000;
    const played = play(script, { fingerprint: true });
    const target = out ?? file;
    writeReplay(target, replayOf(script, played, { ...recorded, expects, version: version(), minimal }));
    const [from, to] = [recorded.script.elements.length, script.elements.length];
    const conclusion = concludeReplay(run, expects);
    if (json) printJson({ file: target, from, to, minimal, plays, seconds, ...report.concluded(conclusion) });
    else {
      print(`shrunk     ${from} elements to ${to} in ${plays.toLocaleString('en')} runs, ${seconds.toFixed(1)} s`);
      print(`minimal    ${minimal ? 'yes: each element was taken out once more, and nothing fails without it' : 'no'}`);
      print(`verdict    ${conclusion.line}`);
      print(`repeat     mailbox sim replay ${shellWord(target)}`);
    }
    process.exitCode = conclusion.exit;
  });
}
