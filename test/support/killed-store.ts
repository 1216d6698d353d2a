// Runs the process of store-child.ts on a store until it is killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./store-child.js', import.meta.url));

/**
 * Kills the process with SIGKILL once it has said so many lines.
 *
 * @returns by page the last count that it acknowledged
 */
export async function countUntilKilled(path: string, seed: number, lines: number): Promise<Map<number, number>> {
  const child = spawn(process.execPath, [CHILD, path, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = new Map<number, number>();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [page = 0, value = 0] = line.split(' ').map(Number);
    if (line !== 'open') counts.set(page, value);
    seen += 1;
    if (seen === lines) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return counts;
}
