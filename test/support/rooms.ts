/** A folder of the sources or a file of its own, and what it may import. */
export interface Room {
  /** What it is, in a line of docs/ARCHITECTURE.md. */
  readonly is: string;
  /** Of the project's own, besides itself; `types of` a room stands for its type-only imports. */
  readonly may: readonly string[];
  readonly packages: readonly string[];
  /** No modules of Node. */
  readonly withoutNode?: true;
}

const INNER = {
  spec: {
    is: 'vocabulary, machine, table, invariants',
    may: [],
    packages: ['xstate'],
    withoutNode: true,
  },
  'src/core': {
    is: 'one shard: state, decide, apply, due',
    may: ['spec'],
    packages: [],
    withoutNode: true,
  },
  'src/ports': {
    is: 'what the inside asks of the outside, one file each: clocks, chance, journal, storage, observers, hashes',
    may: ['types of spec', 'types of src/core'],
    packages: [],
  },
  'src/service': {
    is: 'sans-I/O: requests, durability and time in, appends and replies out; `spine.ts` is the way that every verb goes',
    may: ['spec', 'src/core', 'src/auth', 'src/integrity', 'src/ports'],
    packages: [],
    withoutNode: true,
  },
  'src/auth': {
    is: 'keyring, capabilities, quotas, revocation, cache',
    may: ['spec', 'types of src/core', 'src/ports', 'src/platform'],
    packages: ['macaroons.js', 'hash-wasm'],
  },
  'src/integrity': {
    is: 'BLAKE3, hash chain, signatures',
    may: ['spec', 'types of src/core', 'src/ports'],
    packages: ['@napi-rs/blake-hash', 'hash-wasm'],
  },
  'src/cluster': {
    is: 'shards of several processes on one engine: the log of a shard and who claims what, sans-I/O, and the backend of the journal over it',
    may: ['spec', 'src/core', 'src/journal', 'src/ports'],
    packages: [],
    withoutNode: true,
  },
  'src/postgres': {
    is: 'the engine on PostgreSQL: connections, tables, the one statement of an append; loaded only when it is asked for',
    may: ['src/ports', 'src/platform'],
    packages: ['pg'],
  },
  'src/objects': {
    is: 'payloads as objects of an S3-compatible bucket',
    may: ['src/ports'],
    packages: ['aws4fetch'],
  },
  'src/node': {
    is: 'a mailbox process, sans-I/O: the service over its store, who may ask it, readiness, shards that fall, when to wake; the server and the simulator run this one',
    may: ['spec', 'types of src/core', 'src/service', 'src/auth', 'src/ports'],
    packages: ['xstate'],
    withoutNode: true,
  },
  'src/api': {
    is: 'the contract, one row a route: method, path, ops, schemas of request and answer, every outcome',
    may: ['spec'],
    packages: ['typebox'],
  },
  'src/http': {
    is: 'head, JSON, routes, dispatch, replies; `formats/`: one request, a batch, frames, a stream over one list of asks',
    may: [
      ...['spec', 'src/api', 'src/service', 'types of src/core', 'types of src/auth'],
      ...['src/observe', 'src/ports', 'src/node', 'src/wire'],
    ],
    // koffi: who is at the other end of a Unix socket only the kernel knows.
    packages: ['h3', 'typebox', 'prom-client', 'koffi'],
  },
  'src/observe': {
    is: 'metrics, log, ids',
    may: ['spec', 'types of src/core', 'types of src/node', 'src/ports', 'src/platform'],
    packages: ['prom-client', 'consola', 'uuidv7'],
  },
  // Recovery is the reducer run over what the journal holds, with the hashes of the wire.
  'src/journal': {
    is: 'the embedded journal: log, snapshots, recovery, backup, audit; and the one of memory',
    may: ['spec', 'src/core', 'src/integrity', 'src/ports', 'src/platform'],
    packages: [],
  },
  'src/wire': {
    is: 'OAP/1 frames, of server and client',
    may: [],
    packages: [],
  },
  'src/verifier': {
    is: 'the question to a remote verifier',
    may: ['types of src/auth'],
    packages: [],
  },
  'src/model': {
    is: "the explorer, and how its graphs are compared with TLC's",
    may: ['spec', 'src/core', 'src/service', 'src/auth', 'src/journal', 'src/cluster', 'src/ports', 'src/platform'],
    packages: [],
  },
  'src/trace': {
    is: 'traces: written, checked, read from TLC',
    may: ['spec', 'src/core', 'src/model', 'src/ports', 'src/platform'],
    packages: [],
  },
  'src/config': {
    is: 'settings: one table of them, and files, variables and flags that give them',
    may: ['spec', 'src/core', 'src/platform'],
    packages: ['smol-toml'],
  },
  'src/client': {
    is: 'the typed client, consumers and producers; all but `index.ts` and `node*.ts` runs in browsers too',
    may: ['spec', 'types of src/api'],
    packages: ['@noble/hashes', '@napi-rs/blake-hash'],
  },
  'src/platform': {
    is: 'what the machine gives: clocks, chance and timers; files read without waiting for anybody; memory that nobody dumps; text made harmless to a terminal',
    may: ['src/ports'],
    packages: ['koffi'],
  },
} as const satisfies Record<string, Room>;

/** Everything in `src` but the server and the commands. */
const INSIDE = Object.keys(INNER);
/** Every source file is in one of these, by the first name that it begins with. */
export const ROOMS: Readonly<Record<string, Room>> = {
  ...INNER,
  'src/server': {
    is: 'the server put together in `main.ts`: a process of `src/node` with the real clocks, the store that the settings choose, and sockets',
    may: INSIDE,
    packages: ['prom-client'],
  },
  'src/cli': {
    is: 'one file a command; each loads what it needs when it is given',
    may: [...INSIDE, 'src/server', 'sim'],
    packages: ['commander', 'hash-wasm'],
  },
  'ui/lifecycle': {
    is: 'the picture of the lifecycle, for pages: of the console, of a report',
    may: ['spec'],
    packages: ['preact'],
    withoutNode: true,
  },
  'ui/console': {
    is: 'the console: a page that runs in a browser and asks the interface through the typed client, nothing else',
    may: ['spec', 'types of src/api', 'src/client', 'ui/lifecycle'],
    packages: ['preact', '@preact/signals'],
    withoutNode: true,
  },
  'ui/explore': {
    is: 'the page of a state space: it runs in a browser, and shares values and types with the explorer',
    may: ['src/model'],
    packages: ['preact', '@preact/signals'],
    withoutNode: true,
  },
  'sim/report/ui': {
    is: 'the page of a report: it runs in a browser, and shares types with what writes it',
    may: ['types of sim', 'ui/lifecycle'],
    packages: ['preact', '@preact/signals'],
  },
  sim: {
    is: 'world, loop, disk, network, clients, schedules, checkers',
    may: [
      ...[
        'spec',
        'src/core',
        'src/service',
        'src/auth',
        'src/journal',
        'src/cluster',
        'src/ports',
        'src/config',
        'src/node',
      ],
      ...['src/trace', 'src/platform'],
    ],
    packages: ['yaml', 'typebox'],
  },
};

/** The room of a path from the root of the project; null in none. */
export const roomOf = (path: string): string | null =>
  Object.keys(ROOMS).find((room) => path === room || path.startsWith(`${room}/`)) ?? null;

const short = (room: string): string => room.replace(/\bsrc\//, '').replace(/\.ts$/, '');

function mayInWords({ may, packages }: Room): string {
  const isAll = INSIDE.every((room) => may.includes(room));
  const rest = isAll ? may.filter((room) => !INSIDE.includes(room)) : may;
  return [...(isAll ? ['everything above'] : []), ...rest.map(short), ...packages].join(', ');
}

/** The table of docs/ARCHITECTURE.md. */
export function roomTable(): string {
  const rows = Object.entries(ROOMS).map(([name, room]) => {
    const path = name.endsWith('.ts') ? name : `${name}/`;
    return `| \`${path}\` | ${room.is} | ${mayInWords(room)} |\n`;
  });
  return `| room | is | may import |\n|---|---|---|\n${rows.join('')}`;
}
