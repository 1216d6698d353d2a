// Connecting a thread to an open log: one writer per thread and log, stable as long as the thread lives.

import { WalError } from './base/errors.js';
import { Control, STATE } from './epoch/control.js';
import type { WriterWelcome } from './flusher/messages.js';
import { checkHandle, type WalHandle } from './handle.js';
import { EventLoopHold } from './thread/keep-alive.js';
import { isMainThread, type MessagePort, sendPort } from './thread/thread-connect.js';
import { WalWriter } from './writer.js';

/** The writers of this thread, by the key of the log. */
const writers = new Map<string, Promise<WalWriter>>();

/**
 * Connects this thread to an open log.
 *
 * @param handle - `wal.handle`, from `workerData` or a message
 * @returns this thread's writer; the same one every time
 * @throws {WalError} ERR_WAL_CLOSED, ERR_WAL_POISONED, ERR_WAL_VERSION, ERR_WAL_INVALID_ARGUMENT
 *
 * Threading: needs one turn of the main thread's event loop, once; appending does not.
 */
export async function connectWal(handle: WalHandle): Promise<WalWriter> {
  const { key } = checkHandle(handle);
  let writer = writers.get(key);
  if (writer === undefined) {
    writer = connect(handle);
    writers.set(key, writer);
    writer.catch(() => writers.delete(key));
  }
  return writer;
}

async function connect(handle: WalHandle): Promise<WalWriter> {
  const hold = new EventLoopHold();
  // A thread that only awaits this would end otherwise.
  return hold.during(
    (async () => {
      const control = new Control(handle.control);
      if (control.state === STATE.failed) throw control.failure();
      if (control.hasEnded()) throw new WalError('ERR_WAL_CLOSED', 'The log of this handle is closed.');
      const port = await sendPort(handle.flusherThreadId, handle.key);
      const welcome = await welcomed(port);
      const onGone = (): void => onFlusherGone(handle);
      port.on('close', onGone);
      port.unref();
      return new WalWriter(handle, welcome, port, new EventLoopHold(), isMainThread ? 0 : 1000, () => {
        port.off('close', onGone);
        writers.delete(handle.key);
      });
    })(),
  );
}

function welcomed(port: MessagePort): Promise<WriterWelcome> {
  return new Promise((resolve, reject) => {
    const onClose = (): void =>
      reject(new WalError('ERR_WAL_CLOSED', 'The log was closed while this thread connected.'));
    port.once('close', onClose);
    port.once('message', (welcome: WriterWelcome) => {
      port.off('close', onClose);
      resolve(welcome);
    });
  });
}

/** The flusher ended. If nobody said why, it died, and perhaps the log's owner with it: nobody else would tell. */
function onFlusherGone({ key, control: buffer }: WalHandle): void {
  writers.delete(key);
  const control = new Control(buffer);
  if (control.state === STATE.closed || control.state === STATE.failed) return;
  // The text may still be that of a stall that is over.
  control.setFailure(new WalError('ERR_WAL_POISONED', 'The flusher thread ended unexpectedly. Reopen the log.'));
  control.setState(STATE.failed);
}
