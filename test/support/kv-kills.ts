// Kills a process that works on a key-value store, again and again, and looks each time at what is left.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openKv } from '../../examples/kv/open.js';
import { between, pick } from '../../src/base/random.js';
import type { KvVictimPlan } from './kv-victim.js';
import { checkWorkload } from './kv-workload.js';
import { Program, scratchFolder } from './program.js';

/** What a life of kills found. */
export interface KvKills {
  readonly kills: number;
  readonly acknowledged: number;
  /** What is wrong; empty when all is well. */
  readonly faults: readonly string[];
  /** For a message: the options, and when it was killed. */
  readonly story: string;
}

interface Kill {
  readonly behind: 'open' | 'ack';
  readonly delayMs: number;
}

const VICTIM = fileURLToPath(new URL('./kv-victim.js', import.meta.url));
const DELAY_MS_MAX = 300;

/** One store, `kills` kills, each behind a random number of acknowledgements, and a check after each. */
export async function runKvKills(seed: number, kills: number, random: () => number): Promise<KvKills> {
  const folder = scratchFolder('kv-kills');
  const options = {
    pageSize: pick(random, [512, 1024, 4096]),
    fsync: pick(random, ['full', 'normal']),
    // A log that checkpoints and recycles while it is killed.
    maxLogBytes: pick(random, [2 ** 20, 2 ** 23, 2 ** 26]),
    // Few frames, so that pages are evicted and read again from the log.
    cacheBytes: pick(random, [2 ** 20, 2 ** 23]),
    // Short: some transactions meet others in a circle.
    latchTimeoutMs: 20,
  };
  const plan: KvVictimPlan = { db: join(folder, 'kv.db'), seed, threads: between(random, 1, 4), options };
  const acknowledged = new Array<number>(plan.threads).fill(0);
  const story = [JSON.stringify({ ...options, threads: plan.threads })];
  const faults: string[] = [];
  try {
    for (let kill = 0; kill < kills && faults.length === 0; kill += 1) {
      // Mostly while threads write; now and then while they connect, or nothing is acknowledged yet.
      const when: Kill = { behind: random() < 0.15 ? 'open' : 'ack', delayMs: random() * DELAY_MS_MAX };
      story.push(`${when.behind} + ${when.delayMs.toFixed(1)} ms`);
      faults.push(...(await killOnce(plan, acknowledged, when)));
      faults.push(...(await check(plan, acknowledged)));
    }
    const sum = acknowledged.reduce((total, each) => total + each, 0);
    return { kills, acknowledged: sum, faults, story: story.join('; ') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lets a process work for a while after it said something. */
async function killOnce(plan: KvVictimPlan, acknowledged: number[], { behind, delayMs }: Kill): Promise<string[]> {
  const program = new Program([process.execPath, VICTIM, JSON.stringify(plan)]);
  await program.saidLine(behind);
  await Promise.race([pause(delayMs), program.ended]);
  const { stdout, stderr, signal } = await program.kill();
  for (const line of stdout.split('\n')) {
    const [, thread, number] = /^ack (\d+) (\d+)$/.exec(line) ?? [];
    if (thread !== undefined)
      acknowledged[Number(thread)] = Math.max(acknowledged[Number(thread)] ?? 0, Number(number));
  }
  return signal === 'SIGKILL' && stderr === '' ? [] : [`the process ended with ${signal} by itself: ${stderr}`];
}

async function check({ db, seed, options }: KvVictimPlan, acknowledged: readonly number[]): Promise<string[]> {
  const { kv } = await openKv(db, options);
  await using _ = kv;
  using snapshot = await kv.snapshot();
  return [...snapshot.verify().faults, ...checkWorkload(snapshot, seed, acknowledged)];
}
