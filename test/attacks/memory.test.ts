import { afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { filled } from '../support/filling.ts';

let server: DurableServer;
afterEach(() => server.end());

const TEXT = 'x'.repeat(1024);
const FULL = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`a${i}`, TEXT]));

describe('memory that accepted messages take (BD0)', () => {
  it('all the attributes there may be: refused when it is used up, nothing accepted is lost, and the server starts again', async () => {
    server = new DurableServer();
    // All topics are of one tenant, which may have all of it here; by default four fifths are its own (BD5).
    server.options = ['--tenant-share', '0'];
    // When payloads alone were counted, a few hundred of these ended the process, and its restart.
    const { accepted, refused, restarted, received, consumed } = await filled(
      server,
      () => ({ attrs: FULL }),
      80,
      20_000,
    );
    expect(refused).toMatchObject({ code: 'E_SATURATED', reason: 'memory' });
    expect(accepted).toBeGreaterThan(200);
    expect([restarted, received, consumed]).toEqual([429, accepted, 200]);
  });
});
