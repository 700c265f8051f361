import type { Command } from 'commander';
import type { Fact, Shown } from '../client/types.ts';
import { visible } from '../platform/visible.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  examples,
  print,
  printFields,
  printJson,
  printStated,
} from './shared.ts';

/** One message, and what happened to it. */
export function addShow(program: Command): void {
  const show = connecting(program.command('show <msg_id>').description('one message, and what happened to it and why'));
  examples(show, 'mailbox show 01J8ZC4V2N6Q9R0S3T5W7X8Y1A').action(async (msgId: string, options: Connecting) => {
    const shown = await clientOf(options).message(msgId);
    if (options.json) return printJson(shown);
    tell(shown);
  });
}

function tell({ message, timeline, is_complete, complete_from }: Shown): void {
  if (message === null) print('over, and known by its facts alone');
  printFields(message ?? {});
  print('');
  for (const fact of timeline) printStated(visible(factLine(fact)), fact.state);
  if (!is_complete) print(visible(`(what was before ${complete_from} can no longer be read)`));
}

/** A fact in a line: when, what, what it made of the message, and why. */
export function factLine({ at, fact, state, attempt, reason, last_error, until }: Fact): string {
  const why = [reason, last_error].filter((one) => one !== undefined).join(': ');
  return [at, fact.padEnd(11), state, `attempt ${attempt}`, until === undefined ? '' : `until ${until}`, why]
    .filter((part) => part !== '')
    .join('  ');
}
