/* Wait, Sleep, the turns, demands and the drain of Close (design/concurrency.md): who sleeps on which word, and who
 * wakes whom. No wait has a timeout here and no timer runs that the protocol does not need, so a lost wake-up is a
 * thread that sleeps for ever; the watchdog looks when nothing can move any more and says whose law it was.
 *
 * What lanes.pml shows is one step here: taking a sequence behind a guard, publishing, sealing. Each writer has a lane
 * of its own with room for one commit.
 *
 * Scope, by -D: COMMITS_1, COMMITS_2 (commits of each writer; 0 leaves 2 out), DEATHS (writers that may die), LEAVES
 * (writer 1 disconnects behind its last commit, and may wait for it), TICKER (epochs are sealed by time, too), CLOSES
 * (the owner closes at any moment), FLUSHER_DIES (at any step), EVERYBODY_WAITS and NOBODY_WAITS (for a commit to be
 * durable; otherwise each writer chooses). */

#include "laws.pml"

#ifndef COMMITS_1
#define COMMITS_1 1
#endif
#ifndef COMMITS_2
#define COMMITS_2 1
#endif
#ifndef DEATHS
#define DEATHS 0
#endif

#define WRITERS_END 3

/* The words of design/shared-memory.md. */
byte commitSeqNext = 1;
byte state = STATE_running;
byte durableSeq;
byte demand;
byte demandSeq;
byte flusherSleep;
/* writtenTurn and durableTurn, writtenSleepers and durableSleepers. */
#define WRITTEN 0
#define DURABLE 1
#define NOWHERE 2
byte turn[2];
byte sleepers[2];

/* A lane: the sequence that its one commit took, and the one that is published in it. */
byte guard[WRITERS_END];
byte staged[WRITERS_END];

/* Who is in Atomics.wait, on which turn. */
byte asleepOn[WRITERS_END] = NOWHERE;
byte waitsFor[WRITERS_END];
/* The flusher's one Atomics.waitAsync: outstanding, or resolved and not yet heard of. */
bool isWatching, isNotified;
bool isFlusherAsleep, isFlusherDead;
bool portClosed[WRITERS_END];
bool isCloseAsked;
/* A thread died of which the flusher never hears, perhaps before it told of its demand. */
bool isUnheard;
byte deaths;
byte first = 1;

bool I7_nobody_sleeps_on_what_has_moved = true;
bool I7_nobody_is_left_waiting = true;
bool I7_told_means_durable = true;
bool I7_nobody_hears_closed_of_a_commit_that_stands = true;
bool I8_the_flusher_does_not_sleep_on_a_demand = true;
bool I8_the_flusher_is_not_idle_over_a_commit = true;

inline notifyTurn(which) {
    for (n : 1 .. WRITERS_END - 1) {
        if
        :: asleepOn[n] == which -> asleepOn[n] = NOWHERE
        :: else
        fi
    }
    n = 0
}

/* Turn.announce, src/memory/turn.ts: the turn before the look at the sleepers. */
inline announce(which) {
#ifdef SLEEPERS_BEFORE_TURN
    atomic { counted = sleepers[which] }
    atomic { turn[which]++ }
    atomic { if :: counted > 0 -> notifyTurn(which) :: else fi; counted = 0 }
#else
    atomic { turn[which]++ }
    if
    :: atomic { sleepers[which] > 0 -> skip }; atomic { notifyTurn(which) }
    :: atomic { sleepers[which] == 0 -> skip }
    fi
#endif
}

/* Control.setState, src/epoch/control.ts. */
inline setState(to) {
#ifndef STATE_BEHIND_TURNS
    atomic { state = to }
#endif
    announce(WRITTEN);
    announce(DURABLE);
#ifdef STATE_BEHIND_TURNS
    atomic { state = to }
#endif
}

/* Control.wakeFlusher: what it sleeps on changes before the notify. */
inline lookAtFlusher() { atomic { MAY_DIE; sleep = flusherSleep } }

inline wakeFlusherAsSeen(isDemand) {
    if
    :: sleep == SLEEP_awake || (sleep == SLEEP_untilTick && !isDemand)
    :: else ->
        atomic { MAY_DIE; demand++ }
        atomic { MAY_DIE; if :: isWatching -> isWatching = false; isNotified = true :: else fi }
    fi;
    sleep = 0
}

/* Control.demandThrough. */
inline demandThrough(seq) {
#ifdef DEMAND_BEHIND_LOOK
    lookAtFlusher();
#endif
    atomic { MAY_DIE; if :: demandSeq < seq -> demandSeq = seq :: else fi }
    atomic { MAY_DIE; demand++ }
#ifndef DEMAND_BEHIND_LOOK
    lookAtFlusher();
#endif
    wakeFlusherAsSeen(true)
}

/* Wait 4: Turn.wait, src/memory/turn.ts. */
inline sleepOn(which) {
#ifndef SLEEPER_IS_NOT_COUNTED
    atomic { MAY_DIE; sleepers[which]++ }
#endif
    atomic { MAY_DIE; if :: turn[which] == seen -> asleepOn[me] = which :: else fi }
    atomic { MAY_DIE; asleepOn[me] == NOWHERE }
#ifndef SLEEPER_IS_NOT_COUNTED
    atomic { MAY_DIE; sleepers[which]-- }
#endif
}

/* WalWriter.append, src/writer.ts, then MarkWaiter.waitBlocking, src/epoch/mark-waiter.ts; or nobody waits. */
proctype Writer(byte me; byte left) {
    byte seen, seq, sleep, found;
    bool isTold, hasLeft;

    do
    :: left == 0 -> break
    :: else ->
        /* Append 3: the turn before the look at the space (I7). */
tries:
        atomic { MAY_DIE; seen = turn[WRITTEN] }
        atomic {
            MAY_DIE;
            if
            :: state != STATE_running -> break
            :: state == STATE_running && staged[me] != 0 -> goto noSpace
            :: state == STATE_running && staged[me] == 0 ->
                seen = 0; seq = commitSeqNext; commitSeqNext++; guard[me] = seq
            fi
        }
#ifdef LOOK_BEFORE_PUBLICATION
        lookAtFlusher();
#endif
        /* Publish 5, Publish 7. */
        atomic { MAY_DIE; staged[me] = seq; guard[me] = GUARD_IDLE; left-- }
        /* Append 7. */
#ifndef LOOK_BEFORE_PUBLICATION
        lookAtFlusher();
#endif
        wakeFlusherAsSeen(false);
        if
#ifndef EVERYBODY_WAITS
        :: true -> goto published
#endif
#ifndef NOBODY_WAITS
        :: true -> waitsFor[me] = seq
#endif
        fi;
#ifdef LEAVES
        /* Nobody hears of its death any more. */
        if
        :: me == 1 && left == 0 -> atomic { MAY_DIE; hasLeft = true; portClosed[me] = true }
        :: else
        fi;
#endif
waits:
        /* Wait 1. */
#ifndef MARK_BEFORE_TURN
        atomic { MAY_DIE; seen = turn[DURABLE] }
#endif
        /* Wait 2. */
        atomic { MAY_DIE; if :: durableSeq >= seq -> goto told :: else fi }
        /* The state, and then the mark again: it may have moved before the state did. */
        atomic { MAY_DIE; found = state }
#ifndef ONE_LOOK_AT_THE_MARK
        atomic { MAY_DIE; if :: durableSeq >= seq -> goto told :: else fi }
#endif
#ifdef MARK_BEFORE_TURN
        atomic { MAY_DIE; seen = turn[DURABLE] }
#endif
        if
        :: found == STATE_failed -> goto published
        :: else
        fi;
        LAW(I7_nobody_hears_closed_of_a_commit_that_stands, found != STATE_closed);
        /* Wait 3: MarkWaiter.#demand. */
#ifndef NO_DEMAND
        if
        :: !isTold ->
            found = 0;
            atomic { MAY_DIE; found = demandSeq }
            if
            :: found < seq -> demandThrough(seq)
            :: else ->
#ifndef COVERED_IS_NOT_TOLD
                /* Who raised it may have died before it woke the flusher. */
                lookAtFlusher();
                wakeFlusherAsSeen(true)
#endif
            fi;
            isTold = true
        :: else
        fi;
#endif
        found = 0;
        sleepOn(DURABLE);
        goto waits;
told:
        LAW(I7_told_means_durable, durableSeq >= seq);
published:
        atomic { seq = 0; seen = 0; found = 0; isTold = false; waitsFor[me] = 0; goto next }
noSpace:
        /* Append 3, too little space: WalWriter.#askForSpace. */
        atomic { MAY_DIE; found = commitSeqNext - 1 }
        demandThrough(found);
        found = 0;
        sleepOn(WRITTEN);
        goto tries;
next:
        skip
    od;
    goto stays;
died:
    /* A terminated thread sleeps no more; it stays counted as a sleeper. */
    atomic { asleepOn[me] = NOWHERE; if :: hasLeft -> isUnheard = true :: else -> portClosed[me] = true fi }
stays:
    /* Alive it stays connected: no port closes that could wake anybody. */
    atomic { seen = 0; seq = 0; sleep = 0; found = 0; left = 0; isTold = false; hasLeft = false; waitsFor[me] = 0 }
}

#define PUBLISHED_END(end) \
    end = commitSeqNext; \
    if :: guard[1] != GUARD_IDLE && guard[1] < end -> end = guard[1] :: else fi; \
    if :: guard[2] != GUARD_IDLE && guard[2] < end -> end = guard[2] :: else fi

/* FlusherLanes.reap, src/flusher/lanes.ts; what it notes is in lanes.pml. */
inline reap(id) {
    /* Reaping 5. */
    atomic { portClosed[id] = false; guard[id] = GUARD_IDLE }
    /* Reaping 9. */
    announce(WRITTEN)
}

inline hearOfCommands() {
    /* Close 2: Flusher.close. */
    isClosing = true;
    setState(STATE_closing)
}

/* FlusherLoop.run and #sleep, src/flusher/flusher-loop.ts; Flusher.step, src/flusher/flusher.ts. */
proctype Flusher() {
    byte end, kind, counted, demandSeen, again, n;
    bool isClosing, isInSleep, isTimeUp;

#ifdef FLUSHER_DIES
    { skip;
#endif
loops:
    /* Sleep 1. */
    atomic { demandSeen = demand; isInSleep = false }

step:
    /* Flush 1: Flusher.#isSealDue. */
    atomic {
        again = SLEEP_idle;
        if
        :: commitSeqNext > first -> again = SLEEP_untilTick
        :: else -> goto stepped
        fi
    }
    atomic {
        if
        :: isClosing || isTimeUp || demandSeq >= first -> isTimeUp = false
#ifdef TICKER
        :: true
#endif
        :: !isClosing && !isTimeUp && demandSeq < first -> goto stepped
        fi
    }
    /* Seal 1, Seal 2, Seal 3. */
    atomic {
        PUBLISHED_END(end);
        if
        :: end > first
        /* Overdue: a guard holds it back. Its writer wakes us. */
        :: else -> again = SLEEP_idle; end = 0; goto stepped
        fi
    }
    /* Flush 3, Release 2. */
    atomic {
        again = SLEEP_awake;
        if :: staged[1] < end -> staged[1] = 0 :: else fi;
        if :: staged[2] < end -> staged[2] = 0 :: else fi
    }
#ifndef SPACE_IS_NOT_ANNOUNCED
    announce(WRITTEN);
#endif
    /* Flush 5: Flusher.#moveDurable. */
#ifdef TURN_BEFORE_MARK
    announce(DURABLE);
#endif
    atomic { durableSeq = end - 1; first = end; end = 0 }
#ifndef TURN_BEFORE_MARK
    announce(DURABLE);
#endif
stepped:
    /* Close 3: Flusher.#isDrained. The guards before the counter is lanes.pml's. */
    atomic {
        if
        :: isClosing && guard[1] == GUARD_IDLE && guard[2] == GUARD_IDLE && commitSeqNext == first -> goto closes
        :: isClosing && again == SLEEP_untilTick -> again = SLEEP_idle
        :: else
        fi
    }
    if
    :: isInSleep -> goto looked
    :: else
    fi;

    if
    :: again == SLEEP_awake ->
        /* The event loop turns every now and then. */
        if
        :: true
        :: atomic { isNotified -> isNotified = false }
        :: atomic { isCloseAsked && !isClosing -> skip }; hearOfCommands()
        :: atomic { portClosed[1] -> skip }; reap(1)
        :: atomic { portClosed[2] -> skip }; reap(2)
        fi;
        goto loops
    :: else
    fi;
    /* Sleep 2: FlusherLoop.#spin. It may have looked too early. */
    atomic { if :: demand != demandSeen -> goto loops :: true fi }

sleeps:
    kind = again;
    /* Sleep 3: FlusherLoop.#watchDemand. */
    if
    :: isWatching || isNotified
    :: else ->
        atomic { demandSeen = demand }
        atomic { if :: demand == demandSeen -> isWatching = true :: else -> isNotified = true fi }
    fi;
    demandSeen = 0;
    /* Sleep 4. */
#ifndef LOOK_BEFORE_SLEEP
    atomic { flusherSleep = kind }
#endif
    /* Sleep 5. */
#ifndef NO_SECOND_LOOK
    isInSleep = true;
    goto step;
#endif
looked:
    isInSleep = false;
#ifdef LOOK_BEFORE_SLEEP
    atomic { flusherSleep = kind }
#endif
    if
    :: again == SLEEP_awake -> goto awakes
    :: again != SLEEP_awake && again != kind -> goto sleeps
    :: else
    fi;
    /* Sleep 6. */
    atomic { again = 0; isFlusherAsleep = true };
endAsleep:
    if
    :: atomic { isNotified -> isNotified = false; isFlusherAsleep = false }
    :: atomic { isCloseAsked && !isClosing -> isFlusherAsleep = false }; hearOfCommands()
#ifndef DEATH_IS_NOT_HEARD
    :: atomic { portClosed[1] -> isFlusherAsleep = false }; reap(1)
    :: atomic { portClosed[2] -> isFlusherAsleep = false }; reap(2)
#endif
#ifdef TICKER
    :: atomic { kind == SLEEP_untilTick -> isTimeUp = true; isFlusherAsleep = false }
#endif
    fi;
awakes:
    /* Sleep 7. */
    atomic { kind = 0; again = 0; flusherSleep = SLEEP_awake };
    goto loops;

closes:
    /* Close 5. */
    setState(STATE_closed)
#ifdef FLUSHER_DIES
    } unless { isFlusherDead }
#endif
}

/* The owner's thread. */
proctype Owner() {
    byte counted, n;
#ifdef CLOSES
    isCloseAsked = true;
#endif
#ifdef FLUSHER_DIES
    isFlusherDead = true;
#else
    goto over;
#endif
    /* Fail 2: FlusherHost.#onEnd, src/flusher/flusher-host.ts. */
    setState(STATE_failed);
over:
    skip
}

#define MOVED(id) \
    (asleepOn[id] == DURABLE && (durableSeq >= waitsFor[id] || state >= STATE_closed) || \
     asleepOn[id] == WRITTEN && (staged[id] == 0 || state != STATE_running))

/* Looks when nothing can move any more. */
proctype Watchdog() {
    byte end;
endWatching:
    timeout ->
    atomic {
        isFlusherAsleep = isFlusherAsleep && !isFlusherDead;
        PUBLISHED_END(end);
        /* A demand of such a thread alone may be slept on; whoever else waits for it must not be left (I7). */
        LAW(I8_the_flusher_does_not_sleep_on_a_demand,
            isUnheard || !(isFlusherAsleep && end > first && demandSeq >= first));
#ifdef TICKER
        LAW(I8_the_flusher_is_not_idle_over_a_commit, !(isFlusherAsleep && end > first && flusherSleep == SLEEP_idle));
#endif
        LAW(I7_nobody_sleeps_on_what_has_moved, !MOVED(1) && !MOVED(2));
        LAW(I7_nobody_is_left_waiting, asleepOn[1] == NOWHERE && asleepOn[2] == NOWHERE)
    }
}

init {
    atomic {
        run Writer(1, COMMITS_1);
#if COMMITS_2 > 0
        run Writer(2, COMMITS_2);
#endif
        run Flusher();
        run Owner();
        run Watchdog()
    }
}
