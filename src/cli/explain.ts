import type { Command } from 'commander';
import { CLIENT_ERRORS, ERRORS, type Refusing, refusalOf } from '../api/errors.ts';
import { echoed } from '../platform/visible.ts';
import { EXIT, examples, print, printJson, UsageError } from './shared.ts';

const REFUSALS = Object.keys(ERRORS) as readonly Refusing[];
const PAGE = 'docs/protocol.md: Errors';
const NOWHERE = 'no route of this version';

/** What an error code, or one of its reasons, means: offline, from the contract of the interface. */
export function addExplain(program: Command): void {
  const explain = program
    .command('explain [code] [reason]')
    .description('what an error code or reason means; without one, all of them')
    .option('--json', 'print JSON, errors too')
    .addHelpText('after', `\nExit: ${EXIT.ok} it is known, ${EXIT.usage} it is not.`);
  examples(explain, 'mailbox explain E_LEASE_LOST', 'mailbox explain E_SATURATED quota', 'mailbox explain draining');
  explain.action(async (code: string | undefined, reason: string | undefined, { json }: { json?: true }) => {
    if (code === undefined) return json === true ? printJson(REFUSALS.map(nameOf)) : list();
    const client = reason === undefined ? CLIENT_ERRORS[code.toUpperCase()] : undefined;
    const found = client === undefined ? await refusalsOf(code, reason) : [{ code: code.toUpperCase(), ...client }];
    if (json === true) return printJson(found);
    print(found.map(linesOf).join('\n\n'));
  });
}

const nameOf = (outcome: Refusing): string => {
  const { code, reason } = refusalOf(outcome);
  return reason === undefined ? code : `${code} ${reason}`;
};

function list(): void {
  for (const outcome of REFUSALS) print(`${nameOf(outcome).padEnd(30)}${ERRORS[outcome].cause}`);
  for (const [code, { cause }] of Object.entries(CLIENT_ERRORS)) print(`${code.padEnd(30)}${cause}`);
}

interface Explanation {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
  readonly reason?: string;
  readonly status?: number;
  readonly retryable?: boolean;
  readonly given_by?: readonly { readonly route: string; readonly parts: readonly string[] }[];
  readonly given?: string;
}

/** By code, by reason, or by both. @throws UsageError */
async function refusalsOf(word: string, reason: string | undefined): Promise<Explanation[]> {
  const found = REFUSALS.filter((outcome) => {
    const row = refusalOf(outcome);
    if (reason !== undefined) return row.code === word.toUpperCase() && row.reason === reason;
    return row.code === word.toUpperCase() || row.reason === word;
  });
  const named = reason === undefined ? echoed(word) : `${echoed(word)} ${echoed(reason)}`;
  if (found.length === 0) throw new UsageError(`${named}: no code or reason; \`mailbox explain\` lists them`);
  const { givenBy, givenInWords } = await import('../api/given.ts');
  return found.map((outcome) => {
    const { cause, remedy } = ERRORS[outcome];
    const given = { given_by: givenBy(outcome), given: givenInWords(outcome) };
    return { ...refusalOf(outcome), cause, remedy, ...given };
  });
}

function linesOf({ code, reason, status, cause, remedy, retryable, given }: Explanation): string {
  const lines = [reason === undefined ? code : `${code} ${reason}`, `  cause      ${cause}`, `  remedy     ${remedy}`];
  // What the client says itself stands in no answer.
  if (status === undefined) return lines.join('\n');
  const patience = status === 429 || status === 503 ? 'yes, after Retry-After' : 'yes';
  lines.push(`  status     ${status}`, `  try again  ${retryable === true ? patience : 'no, not as it is'}`);
  lines.push(`  given by   ${given === '' ? NOWHERE : given}`, `  see        ${PAGE}`);
  return lines.join('\n');
}
