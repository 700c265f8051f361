import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { mint } from '../../src/auth/mint.ts';
import { type MailboxProcess, serveUnder } from './process.ts';
import { Caller } from './traffic.ts';

/** A data directory of its own, servers on it one after the other, and capabilities that outlive them. */
export class DurableServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'durable-'));
  /** A command that runs the next server, and its arguments. */
  under: readonly string[] = [];
  /** Options of all that start. */
  options: readonly string[] = [];
  data = join(this.folder, 'data');
  private readonly keyring = new Keyring([freshKey('k1', Date.now())]);
  private readonly started: MailboxProcess[] = [];
  private readonly callers: Caller[] = [];
  process!: MailboxProcess;
  caller!: Caller;
  /** Settles once one serves after a restart. */
  serving: Promise<void> = Promise.resolve();

  constructor() {
    writeKeyringFile(join(this.folder, 'keyring.json'), this.keyring, true);
  }

  /** Starts one, which may refuse. */
  begin(...args: string[]): MailboxProcess {
    const keyring = join(this.folder, 'keyring.json');
    const process = serveUnder(
      this.under,
      '--data',
      this.data,
      '--keyring',
      keyring,
      '--enable-admin',
      '--ready-shards',
      '2',
      '--segment-size',
      '8MiB',
      ...this.options,
      ...args,
    );
    this.started.push(process);
    return process;
  }

  /** Starts one and waits until it serves. */
  async start(...args: string[]): Promise<void> {
    this.process = this.begin(...args);
    const { http } = await this.process.logged('server.ready');
    this.caller = new Caller(`http://${http}`);
    this.callers.push(this.caller);
  }

  /** kill -9, and up again. */
  restart(...args: string[]): Promise<void> {
    this.serving = this.process.crash().then(() => this.start(...args));
    return this.serving;
  }

  /** Good for an hour with a wide quota, unless the caveats say otherwise. */
  cap(...caveats: string[]): { readonly token: string; readonly nonce: string } {
    const says = (name: string): boolean => caveats.some((line) => line.startsWith(name));
    const quota = says('quota_ops') ? [] : ['quota_ops = 10000000/1'];
    const expires = says('expires') ? [] : [`expires = ${Math.floor(Date.now() / 1000) + 3600}`];
    return mint(this.keyring, [...caveats, ...quota, ...expires]);
  }

  async end(): Promise<void> {
    for (const caller of this.callers) caller.close();
    for (const process of this.started) await process.crash();
    rmSync(this.folder, { recursive: true });
  }
}
