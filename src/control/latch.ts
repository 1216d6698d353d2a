// The latch: a small file that keeps a log conservative over openings until an operator resumes it. One line of JSON,
// for people to read; whole or not there, because it is renamed when it is synced. design/modes.md, "Fallback".

import { wallClockMs } from '../base/clock.js';
import { WalError } from '../base/errors.js';
import { FALLBACKS, type FallbackReason } from '../epoch/mode.js';
import { LATCH_NAME, UNFINISHED_SUFFIX } from '../log/names.js';
import { CERTIFICATE_CHECKSUM_FAULT } from '../segment/codec.js';
import type { Directory } from '../storage/directory.js';

/** Larger than any latch; what is longer is none. */
const LATCH_BYTES_MAX = 4096;
const MESSAGE_LENGTH_MAX = 400;

/** Why a log is conservative. */
export interface Latch {
  readonly reason: FallbackReason;
  readonly message: string;
}

/** What opening says of one bad place; see recovery/report.ts. */
interface Damage {
  readonly file: string;
  readonly epoch: number;
  readonly offset: number;
  readonly reason: string;
}

/** The latch of a log; a file that is none is a latch too, whose evidence is lost. */
export function readLatch(directory: Directory): Latch | undefined {
  const text = readText(directory);
  if (text === undefined) return undefined;
  try {
    const { reason, message } = JSON.parse(text) as Partial<Latch>;
    const isReason = reason !== undefined && FALLBACKS.indexOf(reason) > 0;
    if (isReason && typeof message === 'string') return { reason, message };
  } catch {
    // Not JSON, so not written by us.
  }
  return { reason: 'controller_evidence_lost', message: `The file ${LATCH_NAME} of the log does not say why.` };
}

/**
 * Leaves the latch; an older one is replaced.
 *
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 * Durability: durable on return when `sync` is set.
 */
export function writeLatch(directory: Directory, { reason, message }: Latch, sync: boolean): void {
  const unfinished = `${LATCH_NAME}${UNFINISHED_SUFFIX}`;
  if (directory.list().includes(unfinished)) directory.remove(unfinished);
  const line = { reason, message: message.slice(0, MESSAGE_LENGTH_MAX), timeMs: wallClockMs() };
  const file = directory.open(unfinished, 'create');
  try {
    file.write([new TextEncoder().encode(`${JSON.stringify(line)}\n`)], 0);
    if (sync) file.sync();
  } finally {
    file.close();
  }
  directory.rename(unfinished, LATCH_NAME);
  if (sync) directory.sync();
}

/** Takes the latch away, if there is one. */
export function removeLatch(directory: Directory, sync: boolean): void {
  if (!directory.list().includes(LATCH_NAME)) return;
  directory.remove(LATCH_NAME);
  if (sync) directory.sync();
}

/** The latch that opening leaves when it goes on behind damage; undefined for a log without any. */
export function latchOfDamage([first, ...others]: readonly Damage[]): Latch | undefined {
  if (first === undefined) return undefined;
  const isOfCertificate = [first, ...others].some(({ reason }) => reason.startsWith(CERTIFICATE_CHECKSUM_FAULT));
  const reason = isOfCertificate ? 'certificate_checksum_mismatch' : 'recovery_gap';
  return { reason, message: `${first.file} at ${first.offset}, epoch ${first.epoch}: ${first.reason}` };
}

function readText(directory: Directory): string | undefined {
  try {
    const file = directory.open(LATCH_NAME, 'read');
    try {
      const bytes = new Uint8Array(LATCH_BYTES_MAX);
      return new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0)));
    } finally {
      file.close();
    }
  } catch (thrown) {
    if (thrown instanceof WalError && thrown.code === 'ERR_WAL_NOT_FOUND') return undefined;
    throw thrown;
  }
}
