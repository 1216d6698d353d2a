// Starts a victim and kills it.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SAYS, type VictimPlan } from './victim-plan.js';

/** When a victim is killed: so long after it said something, or by itself. */
export type Kill = { readonly after: keyof typeof SAYS; readonly delayMs: number } | 'by itself';

/** How a victim ended. */
export interface VictimEnding {
  readonly isKilled: boolean;
  /** What it said about an end that is not as it was planned. */
  readonly fault: string | undefined;
}

const VICTIM = fileURLToPath(new URL('./victim.js', import.meta.url));

/** Whoever says nothing for so long hangs. */
const PATIENCE_MS = 120_000;

/** Starts a victim, kills it, and waits until it is gone. */
export function killVictim(plan: VictimPlan, kill: Kill): Promise<VictimEnding> {
  const mayEnd = plan.task === 'recover' || (plan.task === 'write' && plan.act === 'close');
  return killProcess(VICTIM, plan, kill, { mayEnd });
}

/** The same with any program that says what a victim says; `mayEnd`: it may be done before the kill. */
export async function killProcess(
  program: string,
  plan: object,
  kill: Kill,
  { mayEnd }: { readonly mayEnd: boolean } = { mayEnd: false },
): Promise<VictimEnding> {
  const child = spawn(process.execPath, [program, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let hung = false;
  const patience = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, PATIENCE_MS);
  let delay: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('latin1').on('data', (said: string) => {
    if (kill === 'by itself' || !said.includes(SAYS[kill.after])) return;
    if (kill.delayMs < 1) child.kill('SIGKILL');
    else delay = setTimeout(() => child.kill('SIGKILL'), kill.delayMs);
  });
  const { status, signal, stderr } = await endOf(child);
  clearTimeout(patience);
  clearTimeout(delay);
  const fault = hung
    ? `the process said nothing for ${PATIENCE_MS} ms`
    : stderr !== '' || (signal !== 'SIGKILL' && (!mayEnd || status !== 0))
      ? `the process ended with ${signal ?? status} by itself: ${stderr.trim()}`
      : undefined;
  return { isKilled: signal === 'SIGKILL', fault };
}

interface End {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

function endOf(child: ChildProcess): Promise<End> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, stderr }));
  });
}
