import type { Snapshot } from './snapshot.js';
import type { StoreThreadParts } from './store-thread.js';
export async function backupStore(_path: string, _snapshot: Snapshot, _parts: StoreThreadParts): Promise<void> {}
