// What the exit status of the command line says, and how an error is printed: one line on standard error.

import { type ErrorCode, toWalError, type WalError } from '../base/errors.js';

/** The exit statuses; the same for every command. */
export const EXIT = {
  done: 0,
  /** The data is damaged, or a check failed. */
  damaged: 1,
  /** The call was wrong: options, variables, or an input that is not what it must be. */
  wrongCall: 2,
  /** Something else failed: locked, permission, I/O, a full disk. */
  failed: 3,
} as const;

const STATUS_BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_WAL_CORRUPT: EXIT.damaged,
  ERR_WAL_GAP: EXIT.damaged,
  ERR_WAL_INVALID_ARGUMENT: EXIT.wrongCall,
  ERR_WAL_EXISTS: EXIT.wrongCall,
  ERR_WAL_NOT_FOUND: EXIT.wrongCall,
  ERR_WAL_WRONG_STORE: EXIT.wrongCall,
  ERR_WAL_RECORD_TOO_LARGE: EXIT.wrongCall,
};

/** The exit status of a command that ended with this error. */
export function exitStatusOf(thrown: unknown): number {
  return STATUS_BY_CODE[asWalError(thrown).code] ?? EXIT.failed;
}

/** The one line that says what went wrong. */
export function errorLine(thrown: unknown): string {
  const { message, code } = asWalError(thrown);
  return `lanewal: ${message.replace(/\s+/g, ' ').trim()} (${code})\n`;
}

function asWalError(thrown: unknown): WalError {
  return toWalError(thrown, 'do this');
}
