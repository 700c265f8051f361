import { afterAll, beforeAll, describe, it } from 'vitest';
import { payloadHashOf } from '../../src/integrity/hash-chain.ts';
import { KINDS, type Kind } from '../journal/conformance/backends.ts';
import { sameWorkOver } from '../journal/conformance/same-work.ts';
import { conformanceOf } from '../journal/conformance/suite.ts';
import { isPostgresHere, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { PostgresPlace } from '../support/postgres-place.ts';

describe.skipIf(!isPostgresHere)('PostgreSQL with a synchronous standby (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let primary: PostgresServer;
  beforeAll(async () => {
    folder = new PostgresFolder();
    primary = await folder.primary();
    await folder.standbyOf(primary);
  });
  afterAll(() => folder?.end());

  const kind: Kind = {
    ...{ name: 'PostgreSQL', outlives: true, hashOf: payloadHashOf },
    make: () => new PostgresPlace(primary),
  };
  conformanceOf([kind]);

  it('the same work as over the simulated engine', async () => {
    const simulated = KINDS.find(({ name }) => name === 'simulated engine') as Kind;
    const reached = await sameWorkOver([simulated, kind], 4);
    reached.atLeast({ steps: 10, facts: 20, restarts: 1, claims: 1 });
  });
});
