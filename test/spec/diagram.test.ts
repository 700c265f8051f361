import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stateDiagram, transitionTable } from '../../spec/diagram.ts';

const PATH = join(import.meta.dirname, '../../docs/lifecycle.md');

const fill = (text: string, name: string, content: string): string =>
  text.replace(
    new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`),
    (_, open, close) => open + content + close,
  );

describe('diagram', () => {
  it('diagram: docs/lifecycle.md shows the machine as it is', () => {
    const written = readFileSync(PATH, 'utf8');
    const drawn = fill(
      fill(written, 'diagram', `\`\`\`mermaid\n${stateDiagram()}\`\`\`\n`),
      'table',
      transitionTable(),
    );
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PATH, drawn);
    else expect(written).toBe(drawn);
    expect(drawn).toContain('leased --> acked: ack [holdsLease] / close');
  });
});
