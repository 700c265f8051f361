import { describe, expect, it } from 'vitest';
import { stateDiagram, transitionTable } from '../../spec/diagram.ts';
import { holdsTables } from '../support/documents.ts';

describe('diagram', () => {
  it('diagram: docs/lifecycle.md shows the machine as it is', () => {
    const diagram = `\`\`\`mermaid\n${stateDiagram()}\`\`\`\n`;
    holdsTables('docs/lifecycle.md', { diagram, table: transitionTable() }, 'test/spec/diagram');
    expect(diagram).toContain('leased --> acked: ack [holdsLease] / close');
  });
});
