// Every error that leaves this package is a WalError with a code from one table. Codes change only in a
// major version, messages may change at any time. Errors cross threads as plain data (toWire / fromWire),
// because postMessage(error) loses `code` and `name`.

/** The codes, each with the remedy that design/errors.md repeats. */
export const ERROR_CODES = {
  ERR_WAL_INVALID_ARGUMENT: 'A bad argument, option or environment value. Fix the call.',
  ERR_WAL_EXISTS: 'Something is already there. Open it, or choose another path.',
  ERR_WAL_NOT_FOUND: 'Nothing is there. Create it, or correct the path.',
  ERR_WAL_WRONG_STORE: 'The page file does not belong to this log. Restore the right one.',
  ERR_WAL_CLOSED: 'Used while closing or closed. Reopen the log.',
  ERR_WAL_LOCKED: 'The log is open elsewhere. Close the other one.',
  ERR_WAL_LANE_FULL: 'A non-blocking append found no space in its lane. Retry later, or use appendAsync.',
  ERR_WAL_RECORD_TOO_LARGE: 'The commit or record is larger than a frame can be. Split it.',
  ERR_WAL_STORAGE_FULL: 'The disk or quota is full. Free space; nothing was lost.',
  ERR_WAL_LOG_FULL:
    'The log has reached maxLogBytes. Checkpoint, or end what pins it; details say what. Nothing was lost.',
  ERR_WAL_OVERTAKEN: 'What was to be read has left the log. Start again from a later commit, or from a copy.',
  ERR_WAL_CACHE_FULL: 'Every frame for this page is in use. End transactions, or set a larger cacheBytes.',
  ERR_WAL_DEADLOCK: 'Another transaction holds the page for too long. Roll back and run the transaction again.',
  ERR_WAL_IO: 'Another system error. Inspect cause.code.',
  ERR_WAL_POISONED: 'A write or sync failed earlier, or the flusher ended. Reopen to recover.',
  ERR_WAL_OUTCOME_UNKNOWN: 'The log failed while this commit was waiting: it may or may not survive. Reopen and look.',
  ERR_WAL_TIMEOUT: 'Not within the time given. Wait again; details say why.',
  ERR_WAL_ABORTED: 'The AbortSignal of the wait fired. The commit itself goes on.',
  ERR_WAL_CORRUPT: 'Damage inside the durable range. Restore from an archive or copy; details say where.',
  ERR_WAL_GAP: 'A needed log file or epoch is missing. Restore it from an archive or copy.',
  ERR_WAL_VERSION: 'The format version is not known. Use a newer library.',
  ERR_WAL_EXHAUSTED: 'A number of the log has reached its end. Checkpoint, and start a new log.',
  ERR_WAL_INVARIANT: 'A bug in this package. Please report it.',
} as const;

/** One of the codes of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Plain data that says where and why; cloneable, so that it can cross threads. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error as plain data: what crosses threads instead of the error itself. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly cause?: { readonly message: string; readonly code?: string; readonly syscall?: string } | undefined;
}

/** The only error class of this package. */
export class WalError extends Error {
  override readonly name = 'WalError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /**
   * @param code - from {@link ERROR_CODES}; callers decide by it
   * @param message - names what was wrong and what to do; may change between versions
   * @param details - plain data: path, offset, bounds
   * @param cause - the system error behind it, if any
   */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** This error as plain data that survives structured clone and JSON. */
  toWire(): WireError {
    const { cause } = this;
    if (!(cause instanceof Error)) return { code: this.code, message: this.message, details: this.details };
    const { code, syscall } = cause as NodeJS.ErrnoException;
    return {
      code: this.code,
      message: this.message,
      details: this.details,
      cause: { message: cause.message, ...(code && { code }), ...(syscall && { syscall }) },
    };
  }

  /** Rebuilds an error that crossed a thread. */
  static fromWire(wire: WireError): WalError {
    const cause = wire.cause && Object.assign(new Error(wire.cause.message), wire.cause);
    return new WalError(wire.code, wire.message, wire.details, cause);
  }
}

/** `errno` names under which a write did nothing yet and can be tried again once space is back. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Turns whatever was thrown into a WalError; a WalError stays as it is.
 *
 * @param doing - completes "Could not ...", for example "open the log file x"
 */
export function toWalError(thrown: unknown, doing: string, details: ErrorDetails = {}): WalError {
  if (thrown instanceof WalError) return thrown;
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  const errno = (cause as NodeJS.ErrnoException).code;
  const code = errno !== undefined && FULL.has(errno) ? 'ERR_WAL_STORAGE_FULL' : 'ERR_WAL_IO';
  return new WalError(code, `Could not ${doing}: ${cause.message}`, { ...details, ...(errno && { errno }) }, cause);
}

/** Shorthand for the most frequent error. */
export function invalidArgument(message: string, details: ErrorDetails = {}): WalError {
  return new WalError('ERR_WAL_INVALID_ARGUMENT', message, details);
}
