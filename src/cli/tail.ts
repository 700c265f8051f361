import type { Command } from 'commander';
import type { DecisionLine, FeedLine } from '../client/types.ts';
import { visible } from '../platform/visible.ts';
import { type Connecting, clientOf, connecting, examples, ms, print, printStated, UsageError } from './shared.ts';
import { factLine } from './show.ts';

interface Options extends Connecting {
  readonly prefix?: string;
  readonly after: string;
  readonly message?: string;
  readonly decisions?: boolean;
  readonly wait?: number;
}

const WAIT_MS_MAX = 12 * 3_600_000;

/** Facts as they become durable. */
export function addTail(program: Command): void {
  const tail = connecting(
    program.command('tail [topic]').description('what happens to messages, as it becomes durable'),
  )
    .option('--prefix <prefix>', 'of all topics that begin so')
    .option(
      '--after <cursor>',
      'go on after this cursor; `start` begins with the oldest fact remembered, `oldest` with the oldest that can be read',
      'now',
    )
    .option('--message <msg_id>', 'of this message alone')
    .option(
      '--decisions',
      'instead what the server decided of who may do what; with a capability of topic mailbox.admin',
    )
    .option('--wait <duration>', 'end when nothing came for so long', ms('--wait', 0, WAIT_MS_MAX));
  tail.addHelpText('after', '\nExit: 0 nothing came for --wait, 1 the server ended it, 2 wrongly called.');
  examples(tail, 'mailbox tail orders', 'mailbox tail --prefix orders. --after start --wait 0s --json').action(follow);
}

async function follow(topic: string | undefined, options: Options): Promise<void> {
  if (options.decisions === true) return followDecisions(topic, options);
  const { prefix, after, message, wait } = options;
  if ((topic === undefined) === (prefix === undefined)) throw new UsageError('tail: a topic, or --prefix: one of them');
  const facts = clientOf(options).feed({
    ...(topic === undefined ? {} : { topic }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === 'start' ? {} : { after }),
    ...(message === undefined ? {} : { msg_id: message }),
    ...(wait === undefined ? {} : { wait_ms: String(wait) }),
  });
  for await (const line of facts) {
    // One object a line: it may go on for long.
    if (options.json === true) print(JSON.stringify(line));
    else if ('fact' in line) printStated(visible(text(line)), 'state' in line ? line.state : '');
  }
}

async function followDecisions(topic: string | undefined, options: Options): Promise<void> {
  const { prefix, message, after, wait } = options;
  if ((topic ?? prefix ?? message) !== undefined)
    throw new UsageError('tail: --decisions are of no topic and no message');
  const lines = clientOf(options).decisions({
    ...(after === 'start' ? {} : { after }),
    ...(wait === undefined ? {} : { wait_ms: String(wait) }),
  });
  for await (const line of lines) {
    if (options.json === true) print(JSON.stringify(line));
    else if ('event' in line) print(visible(decisionText(line)));
    else if ('fact' in line) print(visible(`${line.at}  (decisions are missing here)`));
  }
}

function decisionText({ at, event, cursor: _, ...fields }: Extract<DecisionLine, { readonly event: string }>): string {
  return [at, event, ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)].join('  ');
}

function text(line: Extract<FeedLine, { readonly fact: unknown }>): string {
  if (!('msg_id' in line)) {
    const where = line.shard === null ? '' : ` of shard ${line.shard}`;
    return `${line.at}  (facts${where} are missing here)`;
  }
  return `${factLine(line)}  ${line.topic}  ${line.msg_id}`;
}
