// Explores sessions over a shared cache with the laws of design/page-cache.md, checked after every step.

import { expect } from 'vitest';
import { exclusiveOf, isExclusive, shareOf } from '../../../src/cache/latch-word.js';
import { type Explored, Explorer } from './explorer.js';
import { type CacheGhost, observeCache, type SessionPlan, SharedCache } from './shared-cache.js';
import { type Law, STATUS, type World } from './world.js';

type CacheWorld = World<CacheGhost>;

export interface CacheScope {
  readonly name: string;
  readonly frames: number;
  readonly sessions: readonly SessionPlan[];
  /** Pages that are in frames in the beginning. */
  readonly cached?: readonly number[];
  readonly hasTimeouts?: boolean;
  /** States that were seen when the scope was written down. */
  readonly statesMin: number;
  readonly atRest?: (world: CacheWorld) => string | undefined;
}

/** Goes through every interleaving; fails with a schedule that replays what is wrong. */
export async function exploreCache(scope: CacheScope): Promise<Explored> {
  const { name, frames, sessions, cached, hasTimeouts = false, statesMin, atRest } = scope;
  const pages = [...new Set(sessions.flatMap(({ acts }) => acts.map(([, page]) => page)))];
  const cache = new SharedCache(frames, pages, cached);
  const threads = sessions.map((plan, session) => cache.session(session, plan));
  sessions.forEach(({ isMortal }, session) => {
    if (isMortal) threads.push(cache.reaper(session));
  });
  const explorer = new Explorer<CacheGhost>({
    name,
    machine: cache.machine,
    threads,
    observe: observeCache,
    laws: [onePlace(cache), heldAsTold(cache)],
    atRest: (world) => allIsFree(cache, world) ?? atRest?.(world),
    hasTimeouts,
  });
  const explored = await explorer.explore();
  const { states, transitions, lives, ends } = explored;
  console.log(`${name}: ${states} states, ${transitions} transitions, ${lives} lives, ${ends} ends`);
  expect(ends).toBeGreaterThan(0);
  expect(states).toBeGreaterThanOrEqual(statesMin);
  return explored;
}

function wordOf({ machine }: SharedCache, world: CacheWorld, slot: number): number {
  return world.words[slot] ?? machine.initial[slot]!;
}

function onePlace(cache: SharedCache): Law<CacheGhost> {
  return ({ after }) => {
    const pages = cache.tags.map((slot) => wordOf(cache, after, slot)).filter((page) => page !== 0);
    return new Set(pages).size === pages.length ? undefined : `K1: a page is in two frames: ${pages}`;
  };
}

/** What a thread that lives was given, the words say it has, and nobody else has. */
function heldAsTold(cache: SharedCache): Law<CacheGhost> {
  return ({ after }) => {
    for (const { node, status } of after.threads) {
      const { session, held } = node.ghost;
      if (session === undefined || status === STATUS.dead) continue;
      for (const { frame, pageNumber, isExclusive: isAlone } of held) {
        const word = wordOf(cache, after, cache.latches[frame]!);
        const isHeld = isAlone ? word === exclusiveOf(session) : !isExclusive(word) && word & shareOf(session);
        // An upgrade begins shared, and the thread does not say when it is exclusive.
        if (!isHeld && word !== exclusiveOf(session)) return `K2: ${session} holds ${frame}, its latch says ${word}`;
        const tag = pageNumber === 0 ? 0 : wordOf(cache, after, cache.tags[frame]!);
        if (tag !== pageNumber) return `K3: ${session} latched page ${pageNumber}, its frame holds ${tag}`;
      }
    }
    return undefined;
  };
}

/** In the end nobody holds anything, the dead among them. */
function allIsFree(cache: SharedCache, world: CacheWorld): string | undefined {
  for (const slot of [...cache.latches, ...cache.claims, ...cache.sleepers, cache.lock]) {
    const word = wordOf(cache, world, slot);
    if (word !== 0) return `K5: ${cache.machine.names[slot]} is ${word} in the end`;
  }
  return undefined;
}
