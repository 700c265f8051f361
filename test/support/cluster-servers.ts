import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { mint } from '../../src/auth/mint.ts';
import { firstFor } from '../../src/cluster/claiming.ts';
import { createCluster } from '../../src/postgres/engine.ts';
import { type MailboxProcess, serve } from './process.ts';
import { Caller } from './traffic.ts';
import { until } from './until.ts';

export const CLUSTER = 'c';

/** One node of a cluster: its processes come one after the other. */
export class ClusterServer {
  readonly name: string;
  process!: MailboxProcess;
  caller: Caller | null = null;
  private isPaused = false;
  private readonly cluster: ClusterServers;
  readonly callers: Caller[] = [];

  constructor(cluster: ClusterServers, name: string) {
    this.cluster = cluster;
    this.name = name;
  }

  async start(): Promise<void> {
    this.process = this.cluster.begin('--node-name', this.name);
    const { http } = await this.process.logged('server.ready');
    this.caller = new Caller(`http://${http}`);
    this.callers.push(this.caller);
  }

  async crash(): Promise<void> {
    this.caller = null;
    await this.process.crash();
  }

  /** Nothing of it runs until it is told to go on: its connections stay. Nobody new asks it meanwhile. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    process.kill(this.process.child.pid as number, isPaused ? 'SIGSTOP' : 'SIGCONT');
  }

  get isThere(): boolean {
    return this.caller !== null && !this.isPaused;
  }

  /** Told to end, and ended. */
  async end(): Promise<number | null> {
    this.caller = null;
    this.process.child.kill('SIGTERM');
    return (await this.process.finished).code;
  }

  async url(): Promise<string> {
    return `http://${(await this.process.logged('server.ready'))['http']}`;
  }

  /** As its metrics say. */
  async metrics(): Promise<string> {
    const { metrics } = await this.process.logged('server.ready');
    return (await fetch(`http://${metrics}/metrics`)).text();
  }

  async shards(): Promise<number[]> {
    const found = (await this.metrics()).matchAll(/^shard_owner\{shard="(\d+)"\} 1$/gm);
    return [...found].map(([, shard]) => Number(shard));
  }
}

/** Servers on one database, and capabilities that all of them know. */
export class ClusterServers {
  readonly nodes: ClusterServer[];
  readonly shards: number;
  private readonly folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  private readonly keyring = new Keyring([freshKey('k1', Date.now())]);
  private readonly url: string;
  private readonly started: MailboxProcess[] = [];
  private next = 0;
  options: readonly string[] = [];

  constructor(url: string, names: readonly string[], shards: number) {
    this.url = url;
    this.shards = shards;
    this.nodes = names.map((name) => new ClusterServer(this, name));
    writeKeyringFile(join(this.folder, 'keyring.json'), this.keyring, true);
  }

  create(): Promise<void> {
    return createCluster({ url: this.url, cluster: CLUSTER, shards: this.shards });
  }

  begin(...args: string[]): MailboxProcess {
    const keyring = join(this.folder, 'keyring.json');
    const on = ['--engine', this.url, '--engine-cluster', CLUSTER, '--keyring', keyring, '--enable-admin'];
    const process = serve(...on, ...this.options, ...args);
    this.started.push(process);
    return process;
  }

  /** Each shard is served by one node. */
  async isServed(nodes: readonly ClusterServer[] = this.nodes): Promise<boolean> {
    const owned = (await Promise.all(nodes.map((node) => node.shards()))).flat();
    return owned.length === this.shards && new Set(owned).size === this.shards;
  }

  /** The same, each by the node that is first for it. */
  async isSharedOut(nodes: readonly ClusterServer[] = this.nodes): Promise<boolean> {
    const owned = await Promise.all(nodes.map((node) => node.shards()));
    const all = Array.from({ length: this.shards }, (_, shard) => shard);
    return nodes.every(
      (node, i) => String(owned[i]) === String(all.filter((shard) => firstFor(shard, nodes) === node)),
    );
  }

  served(nodes: readonly ClusterServer[] = this.nodes): Promise<void> {
    return until(() => this.isServed(nodes), 120_000);
  }

  /** Any node that is there, one after the other. */
  readonly caller: Pick<Caller, 'ask' | 'post'> = {
    ask: (method, path, cap) => this.any().ask(method, path, cap),
    post: (path, cap, body) => this.any().post(path, cap, body),
  };

  private any(): Caller {
    const there = this.nodes.filter(({ isThere }) => isThere);
    return there[this.next++ % there.length]?.caller as Caller;
  }

  /** Good for an hour with a wide quota, unless the caveats say otherwise. */
  cap(...caveats: string[]): { readonly token: string; readonly nonce: string } {
    const expires = `expires = ${Math.floor(Date.now() / 1000) + 3600}`;
    const quota = caveats.some((line) => line.startsWith('quota_ops')) ? [] : ['quota_ops = 10000000/1'];
    return mint(this.keyring, [...caveats, ...quota, expires]);
  }

  async end(): Promise<void> {
    for (const { callers } of this.nodes) for (const caller of callers) caller.close();
    for (const process of this.started) await process.crash();
    rmSync(this.folder, { recursive: true });
  }
}
