// Garbage collections of a thread, by the system's own count.

import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';

/** Runs work that never gives its thread back, and counts the collections of this thread meanwhile. */
export async function countingCollections<T>(run: () => T): Promise<{ result: T; collections: number }> {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const result = run();
  // The event loop delivers them: it has one turn to queue them and one to call the observer.
  await turn();
  await turn();
  observer.disconnect();
  return { result, collections };
}
