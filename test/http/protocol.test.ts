import { describe, it } from 'vitest';
import { PROTOCOL_TABLES } from '../../tools/protocol.ts';
import { holdsTables } from '../support/documents.ts';

describe('docs/protocol.md', () => {
  it.each(Object.entries(PROTOCOL_TABLES))(
    'has the table of %s as the contract has it (UPDATE_DOCS=1 writes it)',
    (name, made) => holdsTables('docs/protocol.md', { [name]: made() }, 'test/http/protocol'),
  );
});
