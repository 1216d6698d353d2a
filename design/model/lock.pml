/* The lock of a lane (SharedLock, src/memory/shared-lock.ts; Append 2, Append 6, Reaping 2, Reaping 6): three writers
 * share it, each may die anywhere, and the flusher takes it over from the dead. A wait has no timeout here, so a lost
 * wake-up is a thread that sleeps for ever.
 *
 * Scope, by -D: ROUNDS (how often each writer takes the lock), DEATHS (writers that may die). */

#include "laws.pml"

#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define WRITERS_END 5

byte lock;
byte lockWaiters;
bool isAsleep[WRITERS_END];
bool portClosed[WRITERS_END];
byte deaths;
/* Writers in the lane, the dead one that the flusher has not yet heard of among them. */
byte inside;

bool I1_only_the_holder_is_inside = true;
bool nobody_sleeps_on_a_free_lock = true;

inline notify() {
    for (n : 2 .. WRITERS_END - 1) { isAsleep[n] = false }
    n = 0
}

proctype Writer(byte me; byte left) {
    byte holder, n;

    do
    :: left == 0 -> break
    :: else ->
        /* Append 2: SharedLock.acquire. The attempts before it counts itself are one: each is like the others. */
        atomic { MAY_DIE; if :: lock == 0 -> lock = me; inside++; goto holds :: else fi }
#ifndef COUNTED_BEHIND_THE_LOOK
        atomic { MAY_DIE; lockWaiters++ }
#endif
waits:
        atomic {
            MAY_DIE;
            if
            :: lock == 0 -> lock = me; inside++; goto counts
            :: else
            fi
        }
        atomic { MAY_DIE; holder = lock }
        if
        :: holder == 0 -> goto waits
        :: else
        fi;
#ifdef COUNTED_BEHIND_THE_LOOK
        atomic { MAY_DIE; if :: lock == holder -> isAsleep[me] = true :: else fi }
        atomic { MAY_DIE; lockWaiters++ }
#else
        atomic { MAY_DIE; if :: lock == holder -> isAsleep[me] = true :: else fi }
#endif
        holder = 0;
        atomic { MAY_DIE; !isAsleep[me] }
#ifdef COUNTED_BEHIND_THE_LOOK
        atomic { MAY_DIE; lockWaiters-- }
#endif
        goto waits;
counts:
#ifndef COUNTED_BEHIND_THE_LOOK
        atomic { MAY_DIE; lockWaiters-- }
#endif
holds:
        LAW(I1_only_the_holder_is_inside, inside == 1 && lock == me);
        /* Append 6: SharedLock.release. It is freed before the look at the waiters. */
#ifdef WAITERS_BEFORE_FREE
        atomic { MAY_DIE; holder = lockWaiters }
        atomic { MAY_DIE; lock = 0; inside-- }
#else
        atomic { MAY_DIE; lock = 0; inside-- }
        atomic { MAY_DIE; holder = lockWaiters }
#endif
        atomic { MAY_DIE; if :: holder > 0 -> notify() :: else fi; holder = 0; left-- }
    od;
    goto stays;
died:
    atomic { isAsleep[me] = false; holder = 0; left = 0; portClosed[me] = true }
stays:
    /* Alive it stays connected: no port closes that could wake anybody. */
    skip
}

/* SharedLock.takeOver, and the release behind it. */
inline reap(id) {
    portClosed[id] = false;
    if
    /* Reaping 2. */
#ifdef TAKEN_OVER_FROM_ANYBODY
    :: atomic { lock != 0 -> lock = FLUSHER_ID; inside = 0 };
#else
    :: atomic { lock == id -> lock = FLUSHER_ID; inside = 0 };
#endif
        /* Reaping 6. */
        atomic { lock = 0 }
        atomic { if :: lockWaiters > 0 -> notify() :: else fi }
#ifdef TAKEN_OVER_FROM_ANYBODY
    :: atomic { lock == 0 -> skip };
#else
    :: atomic { lock != id -> skip };
#endif
#ifndef NO_NOTIFY_FOR_THE_DEAD
        atomic { notify() }
#endif
    fi
}

proctype Flusher() {
    byte n;
endListening:
    do
    :: portClosed[2] -> reap(2)
    :: portClosed[3] -> reap(3)
    :: portClosed[4] -> reap(4)
    od
}

/* Looks when nothing can move any more. */
proctype Watchdog() {
endWatching:
    timeout ->
    LAW(nobody_sleeps_on_a_free_lock, !isAsleep[2] && !isAsleep[3] && !isAsleep[4])
}

init {
    atomic { run Writer(2, ROUNDS); run Writer(3, ROUNDS); run Writer(4, ROUNDS); run Flusher(); run Watchdog() }
}
