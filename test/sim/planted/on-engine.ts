import { bug, type PlantedBug } from './bug.ts';

const LOGS = 'src/cluster/engine-logs.ts';
const ENGINE = 'sim/engine.ts';

/** Mistakes about the shards that nodes share: those of `tla/Neg*.tla` that code can make, and others. */
export const ON_ENGINE: readonly { readonly bug: PlantedBug; readonly schedule: string; readonly rule: string }[] = [
  {
    bug: bug(
      'append-anywhere',
      'an append goes in behind whatever is there, not behind the frame that it names',
      LOGS,
      '    if (fits) this.push(shard, { sequence, hash, body });\n    return fits;',
      '    this.push(shard, { sequence, hash, body });\n    return fits || true;',
    ),
    schedule: 'engine-late-statements',
    rule: 'ChainInv',
  },
  {
    bug: bug(
      'lease-instead-of-log',
      'an owner that finds what another one wrote goes on behind it, for its lease is not over',
      'src/cluster/shard-log.ts',
      "    if (!isOurs) return this.end('overtaken', 'foreign');",
      `    if (!isOurs) {
      const last = frames.at(-1)!;
      const sent = this.flight.map(({ content }) => content);
      this.known = { sequence: last.sequence, term: this.known.term, hash: last.hash };
      this.flight = [];
      return { found: 'absent', send: sent.map((content) => this.send(content, this.known.term)) };
    }`,
    ),
    schedule: 'engine-partitions',
    rule: 'HaltInv',
  },
  {
    bug: {
      name: 'found-is-durable',
      what: 'what is found by reading again is taken for durable, without an append after it',
      patches: [
        {
          file: 'src/cluster/shard-log.ts',
          find: "      return { found: 'present', send: [this.send(this.options.nothing, this.known.term)] };",
          replace: "      this.settle(there);\n      return { found: 'present', send: [] };",
        },
        {
          file: 'src/node/appending.ts',
          find: '        return this.send([]);',
          replace: '        return this.durable();',
        },
      ],
    },
    schedule: 'engine-lying-success',
    rule: 'HaltInv',
  },
  {
    bug: bug(
      'asynchronous-engine',
      'the engine answers before its standby has what it answers for',
      ENGINE,
      'const isSettled = !this.parts.isSynchronous || ',
      "const isSettled = outcomes.includes('durable') || ",
    ),
    schedule: 'engine-failovers',
    rule: 'HaltInv',
  },
  {
    bug: bug(
      'warning-believed',
      'an answer with a warning is taken for one',
      ENGINE,
      'if (this.parts.believesWarnings === true)',
      'if (this.parts.believesWarnings !== true)',
    ),
    schedule: 'engine-lying-success',
    rule: 'HaltInv',
  },
  {
    bug: bug(
      'term-of-the-last',
      'an owner goes on in the term of the one before it',
      'src/cluster/shard-log.ts',
      'return this.send(content, this.known.term + 1);',
      'return this.send(content, Math.max(1, this.known.term));',
    ),
    schedule: 'engine-crashes',
    rule: 'TermInv',
  },
  {
    bug: bug(
      'lost-shard-counts',
      'the leases of a shard that was given up use up what the other shards may have (BD1)',
      'src/service/spine.ts',
      '      this.put(new ShardState(shard, this.limits));\n',
      '',
    ),
    schedule: 'engine-busy',
    rule: 'LE1',
  },
];
