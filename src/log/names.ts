// Names in a log directory. Built from numbers and parsed strictly: nothing read from a file ever becomes part of a
// path (faults.md F32). Names are a convenience; identity lives in the checksummed headers (F03, F07).

/** `0000000000000001.wal`: sixteen lower-case hexadecimal digits. */
const LOG_FILE = /^([0-9a-f]{16})\.wal$/;
const SPARE_FILE = /^spare-([0-9a-f]{4})\.wal$/;

/** The checkpoint record's two slots. */
export const CHECKPOINT_NAMES = ['checkpoint-0', 'checkpoint-1'] as const;

/** A log of entries: the two slots of the mark of its ids. */
export const MARK_NAMES = ['ids-0', 'ids-1'] as const;

/** A log of entries: the two slots of the states that its user saves. */
export const STATE_NAMES = ['state-0', 'state-1'] as const;

/** Why the log is conservative, until somebody resumes it; not there otherwise. */
export const LATCH_NAME = 'fallback';

/** `evidence-0000000000000001.json`, with `.frame`, `.proof` and `.lane` beside it: of one commit. */
const EVIDENCE = /^evidence-[0-9a-f]{16}\.(json|frame|proof|lane)$/;

/** The file whose lock excludes a second opener; it is never removed. */
export const LOCK_NAME = 'lock';

/** Suffix of a file that is being made; whatever has it after a crash is removed by the next open. */
export const UNFINISHED_SUFFIX = '.new';

/** Whether a file of that name is being made. What is listed of a name that is no text names no file: not ours. */
export function isUnfinishedName(name: string): boolean {
  return name.endsWith(UNFINISHED_SUFFIX) && !name.includes('\ufffd');
}

/** Name of the log file `fileNumber`, a whole number from 1. */
export function logFileName(fileNumber: number): string {
  return `${fileNumber.toString(16).padStart(16, '0')}.wal`;
}

/** The number in a log file's name, or `undefined` for any other name; inverse of {@link logFileName}. */
export function parseLogFileName(name: string): number | undefined {
  const digits = LOG_FILE.exec(name)?.[1];
  const fileNumber = digits === undefined ? 0 : Number.parseInt(digits, 16);
  return Number.isSafeInteger(fileNumber) && fileNumber > 0 ? fileNumber : undefined;
}

/** Name of spare file `index`, from 0 to 65,535: zero-written or recycled, and not part of the log. */
export function spareFileName(index: number): string {
  return `spare-${index.toString(16).padStart(4, '0')}.wal`;
}

/** The index in a spare file's name, or `undefined` for any other name. */
export function parseSpareFileName(name: string): number | undefined {
  const digits = SPARE_FILE.exec(name)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** What the names of the evidence about a commit begin with. */
export function evidenceName(commitSeq: number): string {
  return `evidence-${commitSeq.toString(16).padStart(16, '0')}`;
}

/** Whether a file is evidence of a divergence. */
export function isEvidenceName(name: string): boolean {
  return EVIDENCE.test(name);
}
