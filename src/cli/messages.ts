import type { Command } from 'commander';
import { addRecv } from './recv.ts';
import { addSend } from './send.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  examples,
  ms,
  print,
  printFields,
  printJson,
  retrying,
} from './shared.ts';

/** The verbs of producers and consumers, for people. */
export function addMessages(program: Command): void {
  addSend(program);
  addRecv(program);

  const ack = retrying(program.command('ack <msg_id> <receipt>').description('done with a message'));
  examples(
    ack,
    'mailbox ack 01J8ZC4V2N6Q9R0S3T5W7X8Y1A Xk3...',
    'mailbox ack 01J8ZC4V2N6Q9R0S3T5W7X8Y1A -- -86w...   (a receipt of an earlier version may begin with -)',
  ).action(async (msgId: string, receipt: string, options: Connecting) => {
    const answer = await clientOf(options).ack(msgId, receipt);
    if (options.json) printJson(answer);
    else print('acked');
  });

  const nack = retrying(program.command('nack <msg_id> <receipt>').description('give a message back'))
    .option('--reason <text>', 'kept with a dead letter')
    .option('--retry-after <duration>', 'instead of the backoff, up to 12h', ms('--retry-after'))
    .option('--dead-letter', 'never again');
  nack.action(async (msgId: string, receipt: string, options: NackOptions) => {
    const { reason, retryAfter, deadLetter } = options;
    const answer = await clientOf(options).nack(msgId, {
      receipt,
      ...(reason === undefined ? {} : { reason }),
      ...(retryAfter === undefined ? {} : { retry_after_ms: retryAfter }),
      ...(deadLetter === undefined ? {} : { dead_letter: true }),
    });
    if (options.json) printJson(answer);
    else print(answer.state);
  });

  const extend = connecting(program.command('extend <msg_id> <receipt>').description('lease a message for longer'));
  extend.option('--visibility <duration>', 'from now', ms('--visibility'));
  extend.action(async (msgId: string, receipt: string, options: Connecting & { visibility?: number }) => {
    const { visibility } = options;
    const more = visibility === undefined ? { receipt } : { receipt, visibility_ms: visibility };
    const answer = await clientOf(options).extend(msgId, more);
    if (options.json) printJson(answer);
    else print(`${answer.deadline_in_ms} ms left`);
  });

  const stats = connecting(program.command('stats <topic>').description('what is in a topic'));
  stats.action(async (topic: string, options: Connecting) => {
    const answer = await clientOf(options).stats(topic);
    if (options.json) return printJson(answer);
    printFields(answer, 16);
  });
}

interface NackOptions extends Connecting {
  readonly reason?: string;
  readonly retryAfter?: number;
  readonly deadLetter?: true;
}
