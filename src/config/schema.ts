import { type AnySetting, SETTING_NAMES, SETTINGS } from './settings.ts';

/** The JSON Schema of a configuration file (TOML), for editors: `config check` says all, with what settings say of each other. */
export function configurationSchema(): Readonly<Record<string, unknown>> {
  const properties = SETTING_NAMES.map((name) => {
    const { kind, fallback, live, about } = SETTINGS[name] as AnySetting;
    const description = `${about}; ${kind.says}${live ? '' : '; a new value needs a restart'}`;
    const given = fallback === null ? {} : { default: inFile(kind, fallback) };
    return [name, { ...kind.schema, description, ...given }];
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'svc-mailbox: configuration',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

/** As it would be written there: what has a unit is text. */
const inFile = ({ unit, show }: AnySetting['kind'], value: unknown): unknown =>
  Array.isArray(value) || (unit === '' && typeof value !== 'object')
    ? value
    : (show as (value: unknown) => string)(value);
