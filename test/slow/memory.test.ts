import { afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { filled, type Shape } from '../support/filling.ts';

const MIB = 1024 ** 2;
let server: DurableServer;
afterEach(() => server.end());

const attrsOf = (name: (i: number) => string, value: string) =>
  Object.fromEntries(Array.from({ length: 32 }, (_, i) => [name(i), value]));
/** Whatever a message may be full of. */
const SHAPES: readonly { readonly name: string; readonly shape: Shape; readonly most: number }[] = [
  {
    name: 'attributes of two bytes a character, each under a name of its own',
    shape: (i) => ({ attrs: attrsOf((k) => `a${i}.${k}`, '€'.repeat(341)) }),
    most: 20_000,
  },
  { name: 'many short attributes', shape: (i) => ({ attrs: attrsOf((k) => `a${i}.${k}`, '') }), most: 200_000 },
  { name: 'empty messages with the longest keys', shape: (i) => ({ key: `${i}`.padEnd(128, 'k') }), most: 400_000 },
  { name: 'payloads of a byte', shape: () => ({ bytes: 1 }), most: 400_000 },
  { name: 'payloads of 65 bytes', shape: () => ({ bytes: 65 }), most: 400_000 },
  { name: 'payloads of 20 kB', shape: () => ({ bytes: 20_000 }), most: 50_000 },
  { name: 'a topic for each message', shape: (i) => ({ topic: `t.${i}` }), most: 400_000 },
];
const HEAP_MIB = 96;
/** What a server takes that holds nothing, and what is under way when it is full. */
const ITSELF_BYTES = 190 * MIB;

describe('memory that accepted messages take, of whatever shape (BD0)', () => {
  for (const { name, shape, most } of SHAPES) {
    it(`${name}: refused when it is used up, nothing accepted is lost, and the server starts again`, async () => {
      server = new DurableServer();
      const more = ['--shard-capacity', '1000000', '--dedup-capacity', '1000000', '--requests-per-socket', '10000000'];
      const begin = server.begin.bind(server);
      server.begin = (...args) => begin(...args, ...more);
      const { accepted, rssBytes, refused, restarted, expected, received } = await filled(
        server,
        shape,
        HEAP_MIB,
        most,
      );
      console.log(`${name}: ${accepted} accepted, ${Math.round(rssBytes / MIB)} MiB`);
      expect(refused).toMatchObject({ code: 'E_SATURATED' });
      expect([restarted, received]).toEqual([429, expected]);
      // Both budgets and what they leave of the heap, and what collectors leave lying about.
      expect(rssBytes).toBeLessThan(ITSELF_BYTES + 1.3 * HEAP_MIB * MIB);
    });
  }
});
