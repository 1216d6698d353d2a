// The ways into an open log that a thread can take: one for each mode. design/modes.md.

import { type AppendPath, ORDERED_LANE, OrderedEncoder } from './control/ordered-encoder.js';
import type { Control } from './epoch/control.js';
import { MODE } from './epoch/mode.js';
import type { WalHandle } from './handle.js';
import type { Lane } from './lane/lane.js';
import { LaneWriter } from './lane/lane-writer.js';

/** All of them. */
const PROVEN_ALWAYS = 1000;

/** The ways of a thread whose lane is `lane`, each at the code of its mode. */
export function appendPaths(
  { frameSeed, shadowComparePerMille }: WalHandle,
  lanes: readonly Lane[],
  lane: Lane,
  writerId: number,
  control: Control,
): AppendPath[] {
  const parallel = (modeCode: number, provenPerMille: number): LaneWriter =>
    new LaneWriter(lane, writerId, control, frameSeed, modeCode, provenPerMille);
  const paths: AppendPath[] = [];
  paths[MODE.auto] = parallel(MODE.auto, shadowComparePerMille);
  paths[MODE.shadow_compare] = parallel(MODE.shadow_compare, PROVEN_ALWAYS);
  paths[MODE.conservative] = new OrderedEncoder(lanes[ORDERED_LANE] as Lane, writerId, control, frameSeed);
  return paths;
}
