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

/** Who receives ports on this thread, by key; one listener serves them all. */
const receivers = new Map<string, (port: MessagePort) => void>();

function onWorkerMessage(message: unknown): void {
  const { kind, key, port } = (message ?? {}) as Partial<ConnectMessage>;
  if (kind === KIND && key !== undefined && port !== undefined) receivers.get(key)?.(port);
}

/** Receives ports sent to `key` on this thread; returns how to stop. */
export function receivePorts(key: string, onPort: (port: MessagePort) => void): () => void {
  if (receivers.size === 0) process.on('workerMessage', onWorkerMessage);
  receivers.set(key, onPort);
  return () => {
    receivers.delete(key);
    if (receivers.size === 0) process.off('workerMessage', onWorkerMessage);
  };
}

/**
 * Sends one end of a new channel to `key` on the thread `target`; returns the other end.
 *
 * @throws {WalError} ERR_WAL_CLOSED when that thread is gone or does not listen
 */
export async function sendPort(target: number, key: string): Promise<MessagePort> {
  const { port1, port2 } = new MessageChannel();
  try {
    if (target === threadId) receiverOf(key)(port2);
    else
      await Promise.race([
        postMessageToThread(target, { kind: KIND, key, port: port2 } satisfies ConnectMessage, [port2]),
        gone(port1),
      ]);
    return port1;
  } catch (cause) {
    port1.close();
    throw new WalError('ERR_WAL_CLOSED', 'The log of this handle is no longer open in its thread.', {}, cause);
  }
}

function receiverOf(key: string): (port: MessagePort) => void {
  const receiver = receivers.get(key);
  if (receiver === undefined) throw new Error('nobody on this thread receives ports for this key');
  return receiver;
}

/** Rejects when the other end is gone: a thread that ends before it looks at a message never answers it. */
function gone(port: MessagePort): Promise<never> {
  return new Promise((_, reject) => port.once('close', () => reject(new Error('the thread ended'))));
}

export { isMainThread, MessageChannel, type MessagePort } from 'node:worker_threads';
/** The id of this thread; 0 on the main thread. */
export { threadId };
