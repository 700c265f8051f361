import type { Link } from './chain.ts';

/** Links that are kept of all nonces together, and of one. */
const LINKS_MAX = 262_144;
const OF_NONCE_MAX = 65_536;
/** Looked at for each that is new: what is over goes faster than anything comes. */
const SWEPT_PER_LINK = 2;
const SWEPT_FOR_ROOM = 256;

/** How far one quota is used. */
export interface Window {
  readonly nonce: string;
  /** Null for one that an earlier version counted by its line alone. */
  readonly node: Node | null;
  readonly line: string;
  used: number;
  endMs: number;
  /** Used since it was last told of. */
  changed: boolean;
}

/** A link of some capability's chain that counts a quota, or leads to one that does. On top of its tree is the nonce. */
export interface Node {
  readonly name: string;
  /** Null for the root, which is above all nonces. */
  readonly parent: Node | null;
  readonly children: Node[];
  /** Its place among the children of its parent. */
  place: number;
  /** Links from here down, this one included. */
  weight: number;
  window: Window | null;
  /** Until then nothing is counted further down: whoever adds a quota there is refused. */
  barredUntilMs: number;
}

export interface Bounds {
  readonly linksMax: number;
  readonly ofNonceMax: number;
}

/**
 * Quota windows by the chains of the capabilities they belong to. It is bounded, and yet a window that runs is never forgotten:
 * where there are too many, the holder who made most of them makes room. What was made from its link is barred until all of its
 * windows are over, and who holds a parent or a sibling notices nothing (AU6).
 */
export class QuotaTree {
  /** Too many were made below the node: nothing is counted there for so many ms. */
  onBarred: (node: Node, forMs: number) => void = () => {};
  private readonly links = new Map<string, Node>();
  private readonly root = nodeOf('', null);
  private readonly bounds: Bounds;
  private hand = this.links.values();

  constructor({ linksMax = LINKS_MAX, ofNonceMax = OF_NONCE_MAX }: Partial<Bounds> = {}) {
    this.bounds = { linksMax, ofNonceMax };
  }

  /** Links that are kept, nonces among them. */
  get size(): number {
    return this.links.size;
  }

  find(name: string): Node | undefined {
    return this.links.get(name);
  }

  /** The node of this name, made where it is missing: below that one, or on top of a tree where it is null. */
  below(above: Node | null, name: string): Node {
    return this.links.get(name) ?? this.add(name, above ?? this.root);
  }

  /** The last node of a chain; those that are missing are made. */
  grow(links: readonly Pick<Link, 'name'>[]): Node | null {
    let node: Node | null = null;
    for (const { name } of links) node = this.below(node, name);
    return node;
  }

  private add(name: string, parent: Node): Node {
    const node = nodeOf(name, parent);
    parent.children.push(node);
    this.links.set(name, node);
    weigh(node, 1);
    return node;
  }

  // ---- what is over goes

  /** Looks at so many links, each in its turn, and lets go of those that count nothing any more. */
  sweep(steps: number, nowMs: number): void {
    for (let i = 0; i < steps; i++) {
      const { value, done } = this.hand.next();
      if (done === true) {
        this.hand = this.links.values();
        return;
      }
      this.release(value, nowMs);
    }
  }

  private release(node: Node, nowMs: number): void {
    const { parent } = node;
    if (parent === null || !isOver(node, nowMs)) return;
    const { children } = parent;
    const last = children.pop() as Node;
    if (last !== node) {
      children[node.place] = last;
      last.place = node.place;
    }
    this.links.delete(node.name);
    weigh(node, -1);
    this.release(parent, nowMs);
  }

  // ---- room

  /** Makes room for those links of a chain that are not there, nonce first; false where nobody made more than one chain. */
  makeRoom(links: readonly Link[], nowMs: number): boolean {
    const { linksMax, ofNonceMax } = this.bounds;
    this.sweep(SWEPT_PER_LINK * links.length, nowMs);
    for (let isSwept = false; ; isSwept = true) {
      const missing = links.filter(({ name }) => !this.links.has(name)).length;
      const top = this.links.get(links[0]?.name ?? '');
      const isMuch = top !== undefined && top.weight + missing > ofNonceMax;
      if (!isMuch && this.size + missing <= linksMax) return true;
      const heavy = isSwept ? this.heaviestBelow(isMuch ? top : this.root) : null;
      if (heavy !== null) this.bar(heavy, nowMs);
      else if (isSwept) return false;
      else this.sweep(SWEPT_FOR_ROOM, nowMs);
    }
  }

  /** The last link from which several things were made, on the way that most of what was made went; null where there is none. */
  private heaviestBelow(top: Node): Node | null {
    let found: Node | null = null;
    for (let at = top; at.children.length > 0; ) {
      if (at.children.length > 1 && at !== this.root) found = at;
      at = at.children.reduce((heaviest, child) => (child.weight > heaviest.weight ? child : heaviest));
    }
    return found;
  }

  private bar(node: Node, nowMs: number): void {
    const untilMs = this.drop(node);
    if (untilMs <= nowMs) return;
    node.barredUntilMs = untilMs;
    this.onBarred(node, untilMs - nowMs);
  }

  /** Takes away everything below a node; gives when the last of it is over. */
  private drop(node: Node): number {
    let untilMs = node.barredUntilMs;
    let count = 0;
    const waiting = [...node.children];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      untilMs = Math.max(untilMs, at.barredUntilMs, at.window?.endMs ?? 0);
      for (const child of at.children) waiting.push(child);
      this.links.delete(at.name);
      count++;
    }
    node.children.length = 0;
    weigh(node, -count);
    return untilMs;
  }

  *windows(): Generator<Window> {
    for (const { window } of this.links.values()) if (window !== null) yield window;
  }

  *barred(nowMs: number): Generator<Node> {
    for (const node of this.links.values()) if (node.barredUntilMs > nowMs) yield node;
  }

  /** The names from below the nonce down to this link, as `linksIn` reads them. */
  chainOf(node: Node): string {
    const names: string[] = [];
    for (let at = node; at.parent !== null && at.parent !== this.root; at = at.parent) names.unshift(at.name);
    return names.join('.');
  }
  nonceOf(node: Node): string {
    let at = node;
    while (at.parent !== null && at.parent !== this.root) at = at.parent;
    return at.name;
  }
}

const nodeOf = (name: string, parent: Node | null): Node => ({
  name,
  parent,
  children: [],
  place: parent?.children.length ?? 0,
  weight: 0,
  window: null,
  barredUntilMs: Number.NEGATIVE_INFINITY,
});

function weigh(node: Node, by: number): void {
  for (let at: Node | null = node; at !== null; at = at.parent) at.weight += by;
}

const isOver = ({ weight, window, barredUntilMs }: Node, nowMs: number): boolean =>
  weight === 1 && barredUntilMs <= nowMs && (window === null || window.endMs <= nowMs);

/** The links that a chain names, its nonce before them. */
export const linksIn = (nonce: string, chain: string): { name: string }[] =>
  (chain === '' ? [nonce] : [nonce, ...chain.split('.')]).map((name) => ({ name }));
