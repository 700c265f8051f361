import type { TSchema } from 'typebox';
import { OUTCOMES, type Outcome } from '../spec/vocabulary.ts';
import { COMPONENTS } from '../src/api/answers.ts';
import { documented } from '../src/api/bodies.ts';
import { ROUTE_IDS, type Row, rowOf } from '../src/api/contract.ts';
import { ERRORS, refusalOf, refuses } from '../src/api/errors.ts';
import { givenInWords, routeName } from '../src/api/given.ts';

/** The tables of docs/protocol.md, from the contract (`src/api`). A test holds the page to them, and writes them with UPDATE_DOCS=1. */

/** Of JSON Schema what a table shows. */
interface Shown {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
  readonly items?: Shown;
  readonly anyOf?: readonly Shown[];
  readonly oneOf?: readonly { readonly required: readonly string[] }[];
  readonly properties?: Readonly<Record<string, Shown>>;
  readonly required?: readonly string[];
}

/** `(least..most, where it does not say)`. */
function range(field: Shown): string {
  const [least, most] = field.type === 'array' ? [field.minItems ?? 0, field.maxItems] : [field.minimum, field.maximum];
  const bounds = most === undefined ? [] : [most >= Number.MAX_SAFE_INTEGER ? `from ${least}` : `${least}..${most}`];
  if (field.enum !== undefined) return ` (${field.enum.map((value) => `\`${value}\``).join(', ')})`;
  const said = [...bounds, ...(field.default === undefined ? [] : [`else ${field.default}`])];
  return said.length === 0 ? '' : ` (${said.join(', ')})`;
}

function fieldsOf(schema: TSchema): string {
  const { properties = {}, required = [], oneOf } = schema as Shown;
  const either = oneOf?.map((one) => one.required[0] as string) ?? [];
  const fields = Object.entries(properties).map(([name, field]) => {
    const optional = required.includes(name) || either.includes(name) ? '' : '?';
    return [name, `\`${name}${optional}\`${range(field)}`] as const;
  });
  const alone = fields.filter(([name]) => !either.includes(name)).map(([, text]) => text);
  const others = fields.filter(([name]) => either.includes(name)).map(([, text]) => text);
  return [...alone, ...(others.length === 0 ? [] : [others.join(' or ')])].join(', ');
}

function requestText(row: Row): string {
  if (row.request === null) return '';
  const fields = fieldsOf(documented(row.request));
  const item = row.item === undefined ? '' : `, each ${fieldsOf(documented(row.item))}`;
  return `${fields}${item}`;
}

function shared({ $ref }: Shown): Shown | null {
  const name = $ref?.split('/').at(-1);
  return name === undefined ? null : (COMPONENTS[name as keyof typeof COMPONENTS] as Shown);
}

const namesOf = ({ properties = {}, required = [] }: Shown): string =>
  Object.keys(properties)
    .map((name) => `\`${name}${required.includes(name) ? '' : '?'}\``)
    .join(', ');

function answerText({ answer, lines, ops }: Row): string {
  if (lines === true) return `NDJSON: ${ops?.includes('view') ? 'a fact' : 'an envelope'} a line`;
  const schema = shared(answer as Shown) ?? (answer as Shown);
  const results = schema.properties?.['results']?.items?.anyOf;
  return results === undefined ? namesOf(schema) : `\`results\`, each ${results.map(namesOf).join(', or ')}`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |'))
    .join('\n');

const routes = (): string =>
  table(
    ['route', 'op', 'what it does', 'body or query', '200'],
    ROUTE_IDS.map(rowOf).map((row) => [
      `\`${routeName(row)}\``,
      row.ops?.join(' or ') ?? '',
      row.about,
      requestText(row),
      answerText(row),
    ]),
  );

const again = (retryable: boolean, status: number): string => {
  if (!retryable) return 'no';
  return status === 429 || status === 503 ? 'after `Retry-After`' : 'yes';
};

/** Refusals by status, and in the order in which the first that applies is given. */
function errors(): string {
  const outcomes = Object.keys(OUTCOMES) as Outcome[];
  const refusals = outcomes.filter(refuses).filter((outcome) => givenInWords(outcome) !== '');
  const sorted = refusals.toSorted((one, other) => refusalOf(one).status - refusalOf(other).status);
  return table(
    ['status', 'code', 'reason', 'given when', 'try again', 'by'],
    sorted.map((outcome) => {
      const { status, code, reason, retryable } = refusalOf(outcome);
      const named = reason === undefined ? '' : `\`${reason}\``;
      return [
        String(status),
        `\`${code}\``,
        named,
        ERRORS[outcome].cause,
        again(retryable, status),
        givenInWords(outcome),
      ];
    }),
  );
}

/** Each by the name it has in the page's markers. */
export const PROTOCOL_TABLES: Readonly<Record<string, () => string>> = { routes, errors };
