/* Flush, from the written segment to the durable mark, a crash at any moment, and the opening behind it
 * (design/concurrency.md, "Flush", "Fail"; design/recovery.md, "Opening"). The disk keeps what a sync covered. Of the
 * rest a power cut leaves any part in any order, and names as well (A1, A3, A4); a killed process leaves everything.
 * Laws are looked at in the moment of the crash, and again behind a second one.
 *
 * Scope, by -D: EPOCHS (epochs written), NORMAL (policy `normal`: a sync comes when it comes, and not with each
 * epoch), OFF (policy `off`), OVERLAPPED (epochs are written while a sync is under way). The log goes on in a new file at most once, before any epoch. */

#include "laws.pml"

#ifndef EPOCHS
#define EPOCHS 3
#endif

/* A segment: not there, half-written, in the cache, on disk; or only in the cache, and taken for clean, because a sync
 * failed (A5). */
#define ABSENT 0
#define TORN 1
#define CACHED 2
#define SYNCED 3
#define CLEAN 4
byte segment[EPOCHS + 1];
/* The file it stands in, and whether its name is on disk: a rename that was not synced may be undone. */
byte fileOf[EPOCHS + 1];
byte file = 1;
byte name[3] = SYNCED;

/* What opening wrote again, into a file of its own. */
byte copy[EPOCHS + 1];
byte copyName;
bool isReopened;

byte state = STATE_running;
byte durableEpoch, writtenEpoch;
byte epoch;
byte syncedThrough;
bool isCrashed;

bool durable_epochs_survive_a_power_cut = true;
bool written_epochs_survive_a_kill = true;
bool durable_mark_is_not_above_the_synced = true;
bool durable_mark_never_falls = true;
bool marks_move_in_epoch_order = true;
bool nothing_is_written_behind_a_failure = true;

inline moveDurable(to) {
    /* Flush 5: Flusher.#moveDurable, src/flusher/flusher.ts. */
    atomic {
       
        LAW(durable_mark_never_falls, to >= durableEpoch);
        LAW(marks_move_in_epoch_order, to <= writtenEpoch);
        durableEpoch = to;
#ifndef OFF
        for (at : 1 .. EPOCHS) {
            LAW(durable_mark_is_not_above_the_synced, at > durableEpoch || segment[at] == SYNCED)
        }
        at = 0
#endif
    }
}

/* LogWriter.sync, src/log/log-writer.ts: of the present file. It may fail (A5), and then nobody tries again. */
inline sync() {
    atomic {
       
        if
        :: true ->
            for (at : 1 .. EPOCHS) {
                if
                :: segment[at] == CACHED && fileOf[at] == file -> segment[at] = SYNCED
                :: else
                fi
            }
        :: !hasFailed ->
            hasFailed = true;
            for (at : 1 .. EPOCHS) {
                if
                :: segment[at] == CACHED && fileOf[at] == file -> segment[at] = CLEAN
                :: else
                fi
            }
#ifndef SYNC_IS_RETRIED
            state = STATE_failed
#endif
        fi;
        at = 0
    }
#ifndef SYNC_IS_RETRIED
    if
    :: state == STATE_failed -> goto over
    :: else
    fi
#endif
}

#ifdef OVERLAPPED
/* LogWriter.startSync: covers what is written by now. It may fail at any moment, and is told of that at its end. */
inline failUnderWay() {
    atomic {
        hasFailed = true; isUnderWayFailed = true;
        for (at : 1 .. underWay) {
            if
            :: segment[at] == CACHED && fileOf[at] == file -> segment[at] = CLEAN
            :: else
            fi
        }
        at = 0
    }
}

inline endUnderWay() {
    atomic {
        if
        :: isUnderWayFailed -> state = STATE_failed
        :: else ->
            for (at : 1 .. underWay) {
                if
                :: segment[at] == CACHED && fileOf[at] == file -> segment[at] = SYNCED
                :: else
                fi
            }
            at = 0;
            syncedThrough = underWay
        fi
    }
    if
    :: state == STATE_failed -> goto over
    :: else
    fi;
#ifdef SYNC_COVERS_LATER_WRITES
    moveDurable(epoch);
#else
    moveDurable(underWay);
#endif
    atomic { underWay = 0 }
}
#endif

/* LogWriter.#rotate: what the old file holds is durable before the log goes on elsewhere. */
inline rotate() {
#if !defined(OFF) && !defined(OLD_FILE_IS_NOT_SYNCED)
    sync();
    atomic { syncedThrough = epoch }
#endif
    /* The header is synced before the rename; the name is another matter (A4). */
    atomic { file = 2; name[2] = CACHED }
#if !defined(OFF) && !defined(NAME_IS_NOT_SYNCED)
    atomic { name[2] = SYNCED }
#endif
}

/* Flusher.step, src/flusher/flusher.ts. */
proctype Flusher() {
    byte at;
    bool hasFailed, isUnsynced;
    /* The last epoch that the sync under way covers; 0 without one. */
    byte underWay;
    bool isUnderWayFailed;

    { skip;
    do
    :: epoch == EPOCHS && !isUnsynced && underWay == 0 -> break
#ifdef OVERLAPPED
    :: underWay != 0 && !hasFailed -> failUnderWay()
    :: underWay != 0 -> endUnderWay()
#endif
    :: epoch < EPOCHS ->
        if
#ifdef TWO_SYNCS_AT_A_TIME
        :: file == 1 -> rotate(); underWay = 0
#else
        /* The log does not leave a file that is being synced. */
        :: file == 1 && underWay == 0 -> rotate()
#endif
        :: true
        fi;
        /* Flush 2. A write is not atomic (A3). */
        atomic {
           
            LAW(nothing_is_written_behind_a_failure, state != STATE_failed);
            epoch++; segment[epoch] = TORN; fileOf[epoch] = file
        }
        atomic { segment[epoch] = CACHED }
        /* Flush 3. */
        atomic { writtenEpoch = epoch; isUnsynced = true }
#ifdef MARK_BEFORE_SYNC
        moveDurable(epoch);
#endif
#ifdef OFF
        moveDurable(epoch);
        isUnsynced = false;
#endif
        /* Flush 4. */
#ifdef OVERLAPPED
        if
        :: underWay == 0 -> atomic { underWay = epoch; isUnsynced = false }
        :: true
        fi;
        goto later;
#endif
#ifdef NORMAL
        if
        :: true -> goto later
        :: true
        fi;
#endif
#ifndef OFF
        sync();
        atomic { syncedThrough = epoch; isUnsynced = false }
        moveDurable(epoch);
#endif
later:
        skip
#if defined(NORMAL) || defined(OVERLAPPED)
#ifdef TWO_SYNCS_AT_A_TIME
    :: isUnsynced ->
#else
    :: isUnsynced && underWay == 0 ->
#endif
        sync();
        atomic { syncedThrough = epoch; isUnsynced = false }
        moveDurable(epoch)
#endif
    od;
over:
    skip
    } unless { isCrashed }
}

/* Whether an epoch is there: in its segment, or in the copy. `survives` picks what a power cut leaves. */
inline survives(what, isThere) {
    if
    :: what == SYNCED -> isThere = true
    :: what == CACHED && isPower -> if :: isThere = true :: isThere = false fi
    :: (what == CACHED || what == CLEAN) && !isPower -> isThere = true
    :: else -> isThere = false
    fi
}

/* scan and tail, src/recovery: the chain ends at the first epoch that is not there. */
inline recover() {
    survives(name[1], isName[1]);
    survives(name[2], isName[2]);
    survives(copyName, isCopied);
    found = 0;
    do
    :: found == EPOCHS -> break
    :: else ->
        at = found + 1;
        if
        :: isCopied && at > copiedFrom -> survives(copy[at], isThere)
        :: else ->
            survives(segment[at], isThere);
            isThere = isThere && isName[fileOf[at]]
        fi;
        if
        :: isThere -> found = at; isThere = false
        :: else -> break
        fi
    od;
    at = 0;
    isThere = false;
    isName[1] = false;
    isName[2] = false
}

proctype Crash() {
    byte at, found, copiedFrom, told;
    bool isPower, isThere, isCopied;
    bool isName[3];

    atomic {
        isCrashed = true;
        if :: isPower = true :: isPower = false fi;
        recover();
        told = durableEpoch;
#ifndef OFF
        LAW(durable_epochs_survive_a_power_cut, found >= durableEpoch);
#endif
        if
        :: isPower -> goto over
        :: else -> LAW(written_epochs_survive_a_kill, found >= writtenEpoch || state == STATE_failed)
        fi
    }
#ifndef OFF
    /* The process was killed and opens again. What it just read may be in the cache only, and may even be taken for
     * clean there: everything above S is written again. */
    atomic {
        copiedFrom = syncedThrough;
#ifndef OPENING_TRUSTS_THE_CACHE
        for (at : copiedFrom + 1 .. found) { copy[at] = CACHED }
        at = 0
#endif
    }
    if
    :: true -> goto cut
    :: true
    fi;
#ifndef COPY_IS_NOT_SYNCED
    atomic {
        for (at : 1 .. EPOCHS) { if :: copy[at] == CACHED -> copy[at] = SYNCED :: else fi }
        at = 0
    }
#endif
    if
    :: true -> goto cut
    :: true
    fi;
#ifndef OPENING_TRUSTS_THE_CACHE
    atomic { copyName = CACHED }
    if
    :: true -> goto cut
    :: true
    fi;
    atomic { copyName = SYNCED }
#endif
    /* The log is open: what it holds is durable. */
    told = found;
cut:
    atomic {
        isPower = true;
        recover();
        LAW(durable_epochs_survive_a_power_cut, found >= told)
    }
#endif
over:
    skip
}

init {
    atomic { run Flusher(); run Crash() }
}
