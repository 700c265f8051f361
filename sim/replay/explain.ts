import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { named, visible } from '../../src/platform/visible.ts';
import { ASKS, FAULTS, PARTS } from './schema.ts';

interface Complaint {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

/** What is wrong in a replay file, part by part: first around the elements, then in the first element that does not fit. */
export function explain(value: unknown): string {
  const head = complaint(PARTS.head, value, '');
  if (head !== null) return head;
  const { elements } = (value as { script: { elements: unknown[] } }).script;
  for (const [i, element] of elements.entries()) {
    const wrong = explainElement(element, `script.elements.${i}`);
    if (wrong !== null) return wrong;
  }
  return 'does not fit';
}

function explainElement(element: unknown, path: string): string | null {
  const { call, fault } = (typeof element === 'object' ? (element ?? {}) : {}) as { call?: Part; fault?: Part };
  if (fault !== undefined && call === undefined)
    return complaint(PARTS.struck, element, path) ?? explainOne(FAULTS, 'kind', fault, `${path}.fault`);
  const around = complaint(PARTS.called, element, path);
  return around ?? explainOne(ASKS, 'verb', (call as { ask?: Part }).ask as Part, `${path}.call.ask`);
}

type Part = Readonly<Record<string, unknown>>;

/** One of several kinds, by the field that says which. */
function explainOne(kinds: readonly TSchema[], field: string, part: Part, path: string): string | null {
  const names = (one: TSchema): readonly unknown[] =>
    (one as unknown as { properties: Record<string, { enum: readonly unknown[] }> }).properties[field]?.enum ?? [];
  const is = typeof part === 'object' && part !== null ? part[field] : undefined;
  const meant = kinds.find((one) => names(one).includes(is));
  if (meant !== undefined) return complaint(meant, part, path);
  return `${path}.${field}: must be one of ${kinds.flatMap(names).join(', ')}`;
}

function complaint(one: TSchema, value: unknown, at: string): string | null {
  const compiled = compiledOf(one);
  if (compiled.Check(value)) return null;
  const all = compiled.Errors(value) as readonly Complaint[];
  const error = all.find(({ keyword }) => keyword !== 'boolean');
  if (error === undefined) return `${at}: does not fit`;
  const path = visible([at, error.instancePath.slice(1).replaceAll('/', '.')].filter((part) => part !== '').join('.'));
  const { additionalProperties, requiredProperties, allowedValues } = error.params as Record<
    string,
    string[] | undefined
  >;
  if (additionalProperties !== undefined)
    return `${dotted(path, named(additionalProperties[0] as string))}: unknown field`;
  if (requiredProperties !== undefined) return `${dotted(path, requiredProperties[0] as string)}: missing`;
  return `${path}: ${allowedValues === undefined ? error.message : `must be one of ${allowedValues.join(', ')}`}`;
}

const dotted = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const compiledSchemas = new Map<TSchema, Validator>();
type Validator = ReturnType<typeof Compile<TSchema>>;

function compiledOf(one: TSchema): Validator {
  let compiled = compiledSchemas.get(one);
  if (compiled === undefined) {
    compiled = Compile(one);
    compiledSchemas.set(one, compiled);
  }
  return compiled;
}
