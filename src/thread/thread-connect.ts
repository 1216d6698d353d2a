// A port between any two threads of the process, without one in the handle that would have to be transferred. It goes
// through worker_threads.postMessageToThread (Node 20.19), which needs the main thread's event loop to turn once; the
// port works without it afterwards, also while the main thread blocks.

import { MessageChannel, type MessagePort, postMessageToThread, threadId } from 'node:worker_threads';
import { WalError } from '../base/errors.js';

const KIND = 'lanewal-connect';

interface ConnectMessage {
  readonly kind: typeof KIND;
  readonly key: string;
  readonly port: MessagePort;
}

/** Receives ports sent to `key` on this thread; returns how to stop. */
export function receivePorts(key: string, onPort: (port: MessagePort) => void): () => void {
  const listener = (message: unknown): void => {
    const { kind, key: sentTo, port } = (message ?? {}) as Partial<ConnectMessage>;
    if (kind === KIND && sentTo === key && port !== undefined) onPort(port);
  };
  process.on('workerMessage', listener);
  return () => process.off('workerMessage', listener);
}

/**
 * Sends one end of a new channel to `key` on the thread `target`; returns the other end.
 *
 * @throws {WalError} ERR_WAL_CLOSED when that thread is gone or does not listen
 */
export async function sendPort(target: number, key: string): Promise<MessagePort> {
  const { port1, port2 } = new MessageChannel();
  try {
    if (target === threadId) process.emit('workerMessage', { kind: KIND, key, port: port2 }, threadId);
    else await postMessageToThread(target, { kind: KIND, key, port: port2 } satisfies ConnectMessage, [port2]);
    return port1;
  } catch (cause) {
    port1.close();
    throw new WalError('ERR_WAL_CLOSED', 'The log of this handle is no longer open in its thread.', {}, cause);
  }
}

export { isMainThread, MessageChannel, type MessagePort } from 'node:worker_threads';
/** The id of this thread; 0 on the main thread. */
export { threadId };
