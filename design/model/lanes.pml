/* Append, Publish, Seal, Release, Reaping and the drain of Close (design/concurrency.md), one atomic step for each
 * operation on a shared word. Two lanes: writers 2 and 3 share lane 0 through its lock, writer 4 has lane 1. A frame
 * takes one slot of its ring; positions wrap at twice the ring's size, as the real ones wrap at 2^32.
 *
 * Scope, by -D: COMMITS_2, COMMITS_3, COMMITS_4 (commits of each writer; 0 leaves 3 or 4 out), RUN (commits that enter
 * together at most), DEATHS (threads that may die, each at any step), CLOSES (the owner may close at any moment).
 * design/model/README.md lists what is run. */

#include "laws.pml"

#ifndef COMMITS_2
#define COMMITS_2 1
#endif
#ifndef COMMITS_3
#define COMMITS_3 1
#endif
#ifndef COMMITS_4
#define COMMITS_4 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define LANES 2
#define SLOTS 2
#define POSITIONS (2 * SLOTS)
#define WRITERS_END 5
#define LANE_OF(id) ((id) / 4)
#define SEQS (COMMITS_2 + COMMITS_3 + COMMITS_4 + 2)

#define BETWEEN(from, to) ((POSITIONS + (to) - (from)) % POSITIONS)
#define NEXT(position) (((position) + 1) % POSITIONS)
#define SLOT(lane, position) ((lane) * SLOTS + (position) % SLOTS)

/* The words of design/shared-memory.md. */
byte commitSeqNext = 1;
byte state = STATE_running;
byte head[LANES];
byte tail[LANES];
byte guard[LANES];
byte lock[LANES];
/* Of a slot's bytes its frame's sequence is enough; a frame that is being copied is not whole. */
#define NOT_WHOLE 0
byte seqIn[LANES * SLOTS];
/* One space for each lane; its size is the sequence that set it. */
byte sizes[LANES];

/* A port that closed, and was not yet heard of (A8). */
bool portClosed[WRITERS_END];
bool reaped[WRITERS_END];
byte deaths;

/* What really became of a sequence; no thread looks at this. A sealed one is forgotten: it is below `first`. */
#define SEALED 0
#define TAKEN 1
#define PUBLISHED 2
#define LOST 3
byte fate[SEQS];
byte first = 1;
bool drained;
/* Whether a seal could come to another result than the last one: the flusher need not look again otherwise, and a
 * thread that waits forever shows as a deadlock. */
bool changed;

bool I1_tail_stays_within_the_ring = true;
bool I1_head_does_not_pass_tail = true;
bool I1_unwritten_bytes_stand = true;
bool I2_seen_frames_are_whole = true;
bool I2_sequences_ascend_in_a_lane = true;
bool I3_guard_is_not_above_the_sequence = true;
bool I4_no_sequence_is_taken_behind_the_drain = true;
bool I4_nothing_is_left_behind_the_drain = true;
bool I5_an_epoch_ends_below_what_is_under_way = true;
bool I5_no_published_commit_is_missing = true;
bool I5_no_commit_is_sealed_twice = true;
bool I6_every_missing_sequence_is_explained = true;
bool I6_a_void_is_a_dead_writers = true;
bool I6_a_dead_writers_sequence_is_void = true;
bool sizes_of_published_commits_are_in_force = true;

/* WalWriter.append, src/writer.ts; LaneWriter, src/lane/lane-writer.ts. */
proctype Writer(byte me; byte left) {
    byte start, seen, seq;
#ifdef RUN
    byte together, other;
#endif

    do
    :: left == 0 -> break
    :: else ->
        /* Append 2: SharedLock.acquire, src/memory/shared-lock.ts; how it is slept on is lock.pml. Behind the end of
         * the flusher nobody frees the lock of a dead writer, and the wait runs into its timeout. */
#ifndef NO_LANE_LOCK
        atomic {
            MAY_DIE;
            if
            :: lock[LANE_OF(me)] == 0 -> lock[LANE_OF(me)] = me
            :: drained -> break
            fi
        }
#endif
        /* Append 3: LaneWriter.#inLane. Space that is free stays free (I1). */
        atomic { MAY_DIE; start = tail[LANE_OF(me)] }
        atomic {
            MAY_DIE;
#ifndef NO_SPACE_CHECK
            if
            :: BETWEEN(head[LANE_OF(me)], start) == SLOTS -> goto noSpace
            :: else
            fi
#endif
        }
        /* Append 4: whatever stood there is overwritten. */
        atomic { MAY_DIE; seqIn[SLOT(LANE_OF(me), start)] = NOT_WHOLE }
#ifdef RUN
        /* LaneWriter.tryAppendRun: as many more as there is room for, behind the first. */
        atomic {
            MAY_DIE;
            together = 1;
            other = NEXT(start);
            do
            :: together < RUN && together < left && BETWEEN(head[LANE_OF(me)], other) < SLOTS ->
                seqIn[SLOT(LANE_OF(me), other)] = NOT_WHOLE;
                together++;
                other = NEXT(other)
            :: else -> break
            od;
            other = 0
        }
#endif
        /* Append 5, Publish 1: LaneWriter.#setGuard. */
#ifdef STATE_BEFORE_GUARD
        atomic { MAY_DIE; if :: state != STATE_running -> goto refused :: else fi }
#endif
        atomic { MAY_DIE; seen = commitSeqNext }
#if !defined(NO_GUARD) && !defined(GUARD_BEHIND_SEQUENCE)
        atomic { MAY_DIE; guard[LANE_OF(me)] = seen; changed = true }
#endif
        /* Publish 2. */
#if !defined(NO_STATE_CHECK) && !defined(STATE_BEFORE_GUARD)
        atomic { MAY_DIE; if :: state != STATE_running -> goto refused :: else fi }
#endif
        /* Publish 3: LaneWriter.#publish, for each commit of a run. */
take:
        atomic {
            MAY_DIE;
            seq = commitSeqNext;
            commitSeqNext++;
            fate[seq] = TAKEN;
            changed = true;
            LAW(I4_no_sequence_is_taken_behind_the_drain, !drained);
#if !defined(NO_GUARD) && !defined(GUARD_BEHIND_SEQUENCE)
            LAW(I3_guard_is_not_above_the_sequence, guard[LANE_OF(me)] != GUARD_IDLE && guard[LANE_OF(me)] <= seq);
#endif
        }
#ifdef GUARD_BEHIND_SEQUENCE
        atomic { MAY_DIE; guard[LANE_OF(me)] = seq; changed = true }
#endif
        /* Publish 4. */
#ifndef HEADER_BEHIND_TAIL
        atomic { MAY_DIE; seqIn[SLOT(LANE_OF(me), start)] = seq }
#endif
#ifdef GUARD_CLEARED_FIRST
        atomic { MAY_DIE; guard[LANE_OF(me)] = GUARD_IDLE; changed = true }
#endif
        /* Publish 5. */
#ifdef ONE_TAIL_FOR_A_RUN
        if
        :: together > 1 -> goto behind
        :: else
        fi;
#endif
        atomic {
            MAY_DIE;
            tail[LANE_OF(me)] = NEXT(start);
            fate[seq] = PUBLISHED;
            changed = true;
            LAW(I1_tail_stays_within_the_ring, BETWEEN(head[LANE_OF(me)], tail[LANE_OF(me)]) <= SLOTS)
        }
#ifdef HEADER_BEHIND_TAIL
        atomic { MAY_DIE; seqIn[SLOT(LANE_OF(me), start)] = seq }
#endif
        /* Publish 6. */
        atomic { MAY_DIE; sizes[LANE_OF(me)] = seq }
#ifdef RUN
behind:
        if
        :: atomic { together > 1 -> together--; left--; start = NEXT(start); seq = 0 }; goto take
        :: atomic { together == 1 -> together = 0 }
        fi;
#endif
        /* Publish 7. */
#ifndef GUARD_CLEARED_FIRST
        atomic { MAY_DIE; guard[LANE_OF(me)] = GUARD_IDLE; changed = true }
#endif
        /* Append 6. */
        atomic {
            MAY_DIE;
#ifndef NO_LANE_LOCK
            LAW(sizes_of_published_commits_are_in_force, sizes[LANE_OF(me)] == seq);
#endif
            lock[LANE_OF(me)] = 0;
            seq = 0; seen = 0; start = 0;
            left--
        }
        goto next;
noSpace:
        /* Append 3, too little space. How its sleeper is woken is wait.pml. */
        atomic { MAY_DIE; lock[LANE_OF(me)] = 0; start = 0 }
        atomic {
            MAY_DIE;
            if
            :: BETWEEN(head[LANE_OF(me)], tail[LANE_OF(me)]) < SLOTS
            :: state != STATE_running -> break
            fi
        }
next:
        skip
    od;
    goto leaves;
refused:
    /* Publish 2, not running. */
    atomic { MAY_DIE; guard[LANE_OF(me)] = GUARD_IDLE; changed = true }
    atomic { MAY_DIE; lock[LANE_OF(me)] = 0 }
    goto leaves;
died:
#ifdef ONE_TAIL_FOR_A_RUN
    /* In its scope nobody else takes any. */
    atomic { for (seq : 1 .. SEQS - 1) { if :: fate[seq] == TAKEN -> fate[seq] = LOST :: else fi } }
#else
    atomic { if :: fate[seq] == TAKEN -> fate[seq] = LOST :: else fi }
#endif
leaves:
    /* The port of a thread that ends closes, however it ends. */
#ifdef RUN
    together = 0;
#endif
    atomic { start = 0; seen = 0; seq = 0; left = 0; portClosed[me] = true }
}

/* Of the flusher alone. */
#define DEAD_GUARDS (DEATHS + 1)
byte deadFirst[DEAD_GUARDS];
byte deadEnd[DEAD_GUARDS];
byte sealedIn[LANES * SLOTS];
byte noteFirst, noteEnd;

inline loadGuards() {
    atomic { if :: guard[0] != GUARD_IDLE && guard[0] < end -> end = guard[0] :: else fi }
    atomic { if :: guard[1] != GUARD_IDLE && guard[1] < end -> end = guard[1] :: else fi }
}

inline loadTails() {
    atomic { tails[0] = tail[0] }
    atomic { tails[1] = tail[1] }
}

/* cutLane, src/lane/lane-reader.ts. */
inline cut(l) {
    at = head[l];
    before = 0;
    do
    :: at == tails[l] || seqIn[SLOT(l, at)] >= end -> break
    :: else ->
        seq = seqIn[SLOT(l, at)];
        LAW(I2_seen_frames_are_whole, seq != NOT_WHOLE);
        LAW(I2_sequences_ascend_in_a_lane, seq > before);
        LAW(I5_no_commit_is_sealed_twice, seq >= first && !(present & (1 << seq)));
        before = seq;
        present = present | (1 << seq);
        sealedIn[SLOT(l, at)] = seq;
        at = NEXT(at)
    od;
    cutEnd[l] = at
}

/* EpochTally.voids and explain, src/epoch/sealing.ts: the dead guard with the nearest end. */
inline tally() {
    for (seq : first .. end - 1) {
        if
        :: present & (1 << seq) -> fate[seq] = SEALED
        :: else ->
            chosen = DEAD_GUARDS;
            for (at : 0 .. DEAD_GUARDS - 1) {
                if
                :: deadEnd[at] > seq && deadFirst[at] <= seq &&
                   (chosen == DEAD_GUARDS || deadEnd[at] < deadEnd[chosen]) -> chosen = at
                :: else
                fi
            }
            LAW(I6_every_missing_sequence_is_explained, chosen < DEAD_GUARDS);
            LAW(I5_no_published_commit_is_missing, fate[seq] != PUBLISHED);
            LAW(I5_an_epoch_ends_below_what_is_under_way, fate[seq] != TAKEN);
            LAW(I6_a_void_is_a_dead_writers, fate[seq] == LOST);
            deadFirst[chosen] = 0;
            deadEnd[chosen] = 0;
            fate[seq] = SEALED
        fi
    }
}

/* The lane's bytes are read when they are written, not when they are sealed: pieces are views of the ring. */
inline write(l) {
    atomic {
        at = head0[l];
        do
        :: at == cutEnd[l] -> break
        :: else ->
            LAW(I1_unwritten_bytes_stand, seqIn[SLOT(l, at)] == sealedIn[SLOT(l, at)]);
            sealedIn[SLOT(l, at)] = 0;
            at = NEXT(at)
        od;
        at = 0
    }
}

inline writeAll() {
    write(0);
    write(1)
}

/* FlusherLanes.release, src/flusher/lanes.ts. */
inline release(l) {
    /* Release 2. */
    atomic {
        head[l] = cutEnd[l];
        LAW(I1_head_does_not_pass_tail, BETWEEN(head[l], tail[l]) <= SLOTS)
    }
}

inline releaseAll() {
    release(0);
    release(1);
    /* Release 3. */
    atomic {
        for (at : 0 .. DEAD_GUARDS - 1) {
            if
#ifdef DEAD_GUARD_LAPSES_EARLY
            :: deadFirst[at] < end ->
#else
            :: deadEnd[at] <= end ->
#endif
                deadFirst[at] = 0; deadEnd[at] = 0
            :: else
            fi
        }
        at = 0
    }
}

/* Reaping 3: FlusherLanes.#noteDeadGuard. */
inline note(from, to) {
    at = 0;
    do
    :: deadEnd[at] == 0 -> break
    :: else -> at++
    od;
    deadFirst[at] = from;
    deadEnd[at] = to;
    at = 0
}

/* FlusherLanes.reap, src/flusher/lanes.ts. */
inline reap(id) {
    atomic { portClosed[id] = false; reaped[id] = true }
    if
    /* Reaping 2: SharedLock.takeOver. */
    :: atomic { lock[LANE_OF(id)] == id -> lock[LANE_OF(id)] = FLUSHER_ID };
        /* Reaping 3. */
        atomic { end = guard[LANE_OF(id)] }
#ifndef NO_DEAD_GUARD
        atomic {
            if
#ifdef REAP_BEFORE_NOTING
            :: end != GUARD_IDLE -> noteFirst = end; noteEnd = commitSeqNext
#else
            :: end != GUARD_IDLE -> note(end, commitSeqNext)
#endif
            :: else
            fi
        }
#endif
        /* Reaping 4: FlusherLanes.#repairSizes. */
        atomic {
            before = head[LANE_OF(id)];
            do
            :: before == tail[LANE_OF(id)] -> break
            :: else ->
#ifndef NO_SIZE_REPAIR
                if
                :: end != GUARD_IDLE && seqIn[SLOT(LANE_OF(id), before)] >= end ->
                    sizes[LANE_OF(id)] = seqIn[SLOT(LANE_OF(id), before)]
                :: else
                fi;
#endif
                at = seqIn[SLOT(LANE_OF(id), before)];
                before = NEXT(before)
            od;
            LAW(sizes_of_published_commits_are_in_force, at <= sizes[LANE_OF(id)]);
            at = 0; before = 0; end = 0
        }
        /* Reaping 5. */
        atomic { guard[LANE_OF(id)] = GUARD_IDLE; changed = true }
        /* Reaping 6. */
#ifndef REAP_LEAVES_LOCK
        atomic { lock[LANE_OF(id)] = 0 }
#endif
    :: atomic { lock[LANE_OF(id)] != id -> skip }
    fi
}

/* Flusher.step, src/flusher/flusher.ts. */
proctype Flusher() {
    byte end, at, before, seq, chosen, present;
    byte tails[LANES];
    byte cutEnd[LANES];
    byte head0[LANES];

    do
    :: atomic { changed -> changed = false;
        /* Seal 1: readSealBounds, src/epoch/sealing.ts. Loaded while nothing stands between. */
#ifndef GUARDS_FIRST
        end = commitSeqNext
#else
        end = SEQS
#endif
        };
        /* Seal 2: readPublishedEnd. */
#ifdef TAILS_FIRST
        loadTails();
#endif
        loadGuards();
#ifdef GUARDS_FIRST
        atomic { if :: commitSeqNext < end -> end = commitSeqNext :: else fi }
#endif
        if
        :: end <= first
        :: else ->
            /* Seal 3. */
#ifndef TAILS_FIRST
            loadTails();
#endif
            atomic {
                /* Seal 4. */
                present = 0;
                cut(0);
                cut(1);
                /* Seal 5. */
                tally();
                first = end;
                head0[0] = head[0]; head0[1] = head[1];
                tails[0] = 0; tails[1] = 0; present = 0; at = 0; before = 0; seq = 0; chosen = 0;
                /* What else is there is sealed next. */
                changed = true
            }
            /* Flush 2, Flush 3. */
#ifdef EARLY_RELEASE
            releaseAll();
            writeAll();
#else
            writeAll();
            releaseAll();
#endif
            atomic { cutEnd[0] = 0; cutEnd[1] = 0; head0[0] = 0; head0[1] = 0 }
        fi;
        /* Close 3: Flusher.#isDrained. Guards before the counter (I4). */
        if
        :: state == STATE_closing ->
            end = 0;
#ifdef COUNTER_BEFORE_GUARDS
            atomic { if :: commitSeqNext != first -> goto stays :: else fi }
#endif
            atomic { if :: guard[0] != GUARD_IDLE -> goto stays :: else fi }
            atomic { if :: guard[1] != GUARD_IDLE -> goto stays :: else fi }
#ifdef COUNTER_BEFORE_GUARDS
            drained = true;
#else
            atomic { if :: commitSeqNext == first -> drained = true :: else -> goto stays fi }
#endif
            LAW(I4_nothing_is_left_behind_the_drain, commitSeqNext == first);
            break;
stays:
            skip
        :: else
        fi;
        end = 0
    /* A port's close is heard between steps, when the event loop turns. */
    :: portClosed[2] -> reap(2)
    :: portClosed[3] -> reap(3)
    :: portClosed[4] -> reap(4)
#ifdef REAP_BEFORE_NOTING
    :: atomic { noteFirst != 0 -> note(noteFirst, noteEnd); noteFirst = 0; noteEnd = 0 }
#endif
#ifdef CLOSES
    /* Close 2: Flusher.close. */
    :: atomic { state == STATE_running -> state = STATE_closing; changed = true }
#else
    :: atomic { reaped[2] && reaped[3] && reaped[4] && !changed -> break }
#endif
    od;
    atomic {
        for (at : 1 .. commitSeqNext - 1) {
            LAW(I6_a_dead_writers_sequence_is_void, fate[at] != LOST);
            LAW(I5_no_published_commit_is_missing, fate[at] == SEALED)
        }
        at = 0; end = 0
    }
    /* Close 5. */
    if
    :: state == STATE_closing -> state = STATE_closed
    :: else
    fi
}

init {
    atomic {
        run Writer(2, COMMITS_2);
#if COMMITS_3 > 0
        run Writer(3, COMMITS_3);
#else
        reaped[3] = true;
#endif
#if COMMITS_4 > 0
        run Writer(4, COMMITS_4);
#else
        reaped[4] = true;
#endif
        run Flusher()
    }
}
