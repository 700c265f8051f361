import { flagOf, variableOf } from '../src/config/load.ts';
import { type AnySetting, SETTING_NAMES, SETTINGS, type SettingName } from '../src/config/settings.ts';
import { LIMIT_RULES, LIMITS, type LimitRule } from '../src/core/limits.ts';
import { LOG_EVENTS, LOG_FIELDS, type LogEvent, type LogField } from '../src/observe/events.ts';
import { METRICS, type MetricName } from '../src/observe/metric-table.ts';

/** The reference pages, from the tables in the code (O5). A test holds them current, and writes them with UPDATE_DOCS=1. */

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`.replaceAll('|  |', '| |'))
    .join('\n');

const GENERATED = '<!-- Written from the code by `UPDATE_DOCS=1 npx vitest run test/references.test.ts`. -->';
const code = (text: string): string => `\`${text}\``;

function labelsOf(name: MetricName): string {
  const row = METRICS[name];
  if (!('labels' in row)) return '';
  return Object.entries<readonly string[] | string>(row.labels)
    .map(([label, values]) => `${code(label)}: ${typeof values === 'string' ? values : values.map(code).join(', ')}`)
    .join('; ');
}

const TYPES = { counter: 'Counters', gauge: 'Gauges', histogram: 'Histograms' } as const;

function metricsPage(): string {
  const of = (type: keyof typeof TYPES): string =>
    table(
      ['series', 'labels', 'means', 'moves', 'what to do'],
      (Object.keys(METRICS) as MetricName[])
        .filter((name) => METRICS[name].type === type)
        .map((name) => [code(name), labelsOf(name), METRICS[name].help, METRICS[name].moves, METRICS[name].act]),
    );
  return `# Metrics

${GENERATED}

\`GET /metrics\` on \`metrics_bind\` has every series below, in the text format of Prometheus. \`metrics_prefix\` stands before all names. No
label has a topic, an id or a key: the number of series is fixed by the settings. Counters begin at 0 with each process; tables of more
than 64 series show those that have moved. Alert rules, recording rules and a dashboard over them are in \`examples/operations/\`;
[operations.md](operations.md) says what to do at each alert.

${(Object.keys(TYPES) as (keyof typeof TYPES)[]).map((type) => `## ${TYPES[type]}\n\n${of(type)}\n`).join('\n')}
A histogram has \`_bucket\`, \`_sum\` and \`_count\`; those of latencies have buckets from 0.1 ms to 30 s.
`;
}

function settingRow(name: SettingName): string[] {
  const { kind, fallback, about, live, of } = SETTINGS[name] as AnySetting;
  const shown = fallback === null ? '' : (kind.show as (value: unknown) => string)(fallback);
  return [
    code(name),
    of !== undefined ? 'by the machine' : fallback === null ? 'not given' : shown === '' ? 'empty' : code(shown),
    kind.says,
    kind.unit.split(' ').filter(Boolean).map(code).join(' '),
    live ? 'live' : 'restart',
    about,
  ];
}

const ruleOf = ({ limit, times, of }: LimitRule): string =>
  `${code(LIMITS[limit].name)} is at least ${times === 1 ? '' : `${times} x `}${code(LIMITS[of].name)}`;

const settingsPage = (): string => `# Settings

${GENERATED}

Each can be given in three ways, the first of them wins: as a flag (\`${flagOf('max_attempts')} 9\`), as a variable
(\`${variableOf('max_attempts')}=9\`), as a line of the file that \`--config\` names (TOML: \`max_attempts = 9\`). A name that is none of these, or a
value that is not allowed, refuses the start. \`mailbox config check\` says so beforehand, \`mailbox config print\` shows what is in force
and where it comes from. A list is one text with commas, in the file an array too. Editors complete and check the file by
[its JSON Schema](schemas/configuration.schema.json) (\`mailbox config schema\`), with \`#:schema PATH\` as its first line.

*live*: SIGHUP takes a new value over. *restart*: it waits for the next start; the log line \`config.reloaded\` names it.

${table(['setting', 'default', 'allowed', 'units', 'taken over', 'what it is'], SETTING_NAMES.map(settingRow))}

Over two settings: ${LIMIT_RULES.map(ruleOf).join('; ')}; \`tls_cert\` and \`tls_key\` are given together;
\`verifier_url\` and \`keyring\` are not; \`bind\`, \`metrics_bind\` and \`console_bind\` are three addresses.
`;

function eventsPage(): string {
  const events = Object.keys(LOG_EVENTS).sort() as LogEvent[];
  const fields = Object.keys(LOG_FIELDS).sort() as LogField[];
  const rows = events.map((event) => {
    const { levels, fields: names, about, act } = LOG_EVENTS[event];
    return [code(event), levels.join(', '), about, names.map(code).join(' '), act];
  });
  return `# Log events

${GENERATED}

One JSON object a line on standard output (\`log_format = "text"\`: the same for people). Every line has \`ts\` (UTC), \`level\`, \`service\`
(\`svc-mailbox\`) and \`event\`; the fields of an event that do not apply are left out. \`log_level\` says from which level on lines are written, from
\`error\` over \`warn\` and \`info\` to \`debug\`. No line has a capability, a key or a payload.

${table(['event', 'level', 'means', 'fields', 'what to do'], rows)}

## Fields

${table(
  ['field', 'says'],
  fields.map((field) => [code(field), LOG_FIELDS[field]]),
)}
`;
}

/** Each by its file in docs/. */
export const REFERENCES: Readonly<Record<string, () => string>> = {
  'metrics.md': metricsPage,
  'settings.md': settingsPage,
  'log-events.md': eventsPage,
};
