// The errors of this example. Those of the page store below it are lanewal's own `WalError`.

/** What went wrong: the bytes of a page, the call, or a file that holds something else. */
export type KvErrorCode = 'ERR_KV_DAMAGED' | 'ERR_KV_INVALID_ARGUMENT' | 'ERR_KV_NOT_A_TREE';

/** The only error class of the tree. */
export class KvError extends Error {
  override readonly name = 'KvError';
  readonly code: KvErrorCode;

  constructor(code: KvErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A page that cannot be what the tree wrote. Damaged bytes are data: whoever meets them says where. */
export function damaged(page: number, reason: string): KvError {
  return new KvError('ERR_KV_DAMAGED', `Page ${page} is damaged: ${reason}.`);
}
