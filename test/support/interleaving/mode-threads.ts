// Logical threads of a log whose mode changes: writers that take the way of the mode they see, and whoever switches.

import { switchMode } from '../../../src/control/mode-switch.js';
import { ORDERED_LANE, OrderedEncoder } from '../../../src/control/ordered-encoder.js';
import { MODE } from '../../../src/epoch/mode.js';
import { LaneWriter } from '../../../src/lane/lane-writer.js';
import type { Mode } from '../../../src/settings.js';
import { checked } from '../flusher-rig.js';
import { bornWriter, FLUSHER_LANE, type Ghost, type Note } from './ghost.js';
import { commitOf, type WriterPlan } from './log-threads.js';
import type { SharedLog } from './shared-log.js';
import type { ThreadPlan } from './thread-tree.js';
import type { World } from './world.js';

/** A thread that appends as WalWriter does: by the mode, and again the other way when that has changed meanwhile. */
export function modalWriterThread(log: SharedLog, plan: WriterPlan): ThreadPlan<Ghost> {
  const { id, lane, values, isMortal = false } = plan;
  const parallel = new LaneWriter(log.lanes[lane]!, id, log.control, log.frameSeed, MODE.auto);
  const ordered = new OrderedEncoder(log.lanes[ORDERED_LANE]!, id, log.control, log.frameSeed);
  const body = (): void => {
    values.forEach((value, index) => {
      log.machine.checkpoint(`append ${index}`);
      for (let result: number | string = 'switched'; result === 'switched'; ) {
        const path = log.control.modeCode() === MODE.conservative ? ordered : parallel;
        log.machine.note({ kind: 'appending', value, lane: path.lane.index } satisfies Note);
        result = path.tryAppend(checked(commitOf(value)), Number.POSITIVE_INFINITY);
        log.machine.note({ kind: 'appended', value, result } satisfies Note);
      }
    });
  };
  return { name: `writer ${id} of lane ${lane} or ${ORDERED_LANE}`, body, isMortal, ghost: bornWriter(id, lane) };
}

/** A thread that switches to one mode after the other, each time until nobody is on the old way. */
export function switcherThread(log: SharedLog, modes: readonly Mode[]): ThreadPlan<Ghost> {
  const { machine, control } = log;
  const body = (): void => {
    for (const mode of modes) {
      const heldGuards = switchMode(control, log.lanes, mode);
      for (let [first] = heldGuards(); first !== undefined; [first] = heldGuards()) {
        machine.awaitOther(log.slots.lanes[first.lane.index]!.guard, first.guard);
      }
      machine.note({ kind: 'switched', fromSeq: control.commitSeqNext.load() } satisfies Note);
    }
  };
  return { name: `switcher to ${modes}`, body, ghost: bornWriter(FLUSHER_LANE, FLUSHER_LANE) };
}

/** M2: a commit whose sequence was taken behind a switch to conservative went through the one lane. */
export function orderedBehindSwitch({ threads }: World<Ghost>): string | undefined {
  const ghosts = threads.map(({ node }) => node.ghost);
  const fromSeq = ghosts.find(({ switchedFrom }) => switchedFrom !== undefined)?.switchedFrom;
  if (fromSeq === undefined) return 'the switch never ended';
  const stray = ghosts.find(({ taken, lane }) => (taken.at(-1)?.seq ?? 0) >= fromSeq && lane !== ORDERED_LANE);
  return stray && `M2: commit ${stray.taken.at(-1)?.seq} went through lane ${stray.lane}, switched at ${fromSeq}`;
}
