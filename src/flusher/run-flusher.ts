// The body of the flusher's thread: builds what the flusher works with from plain data and runs it.

import { NodeDirectory } from '../storage/node-directory.js';
import type { MessagePort } from '../thread/thread-connect.js';
import { threadedArchive } from './archive-hold.js';
import { FlusherThread } from './flusher-thread.js';
import type { FlusherStart } from './messages.js';
import { PreallocatorHost } from './preallocator.js';

/** Runs a flusher over a directory of the file system until its log is closed or has failed. */
export async function runFlusher(start: FlusherStart, port: MessagePort): Promise<void> {
  const { fsync, syncMethod } = start.settings;
  const directory = new NodeDirectory(start.directoryPath, fsync === 'off' ? {} : { syncMethod });
  const preallocator = new PreallocatorHost(start.directoryPath, start.workerUrls);
  await new FlusherThread(start, port, directory, preallocator, threadedArchive(start)).run();
}
