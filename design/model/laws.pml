/* What all models share. A law is a variable, so that Spin's report names the law that was broken. */

#define LAW(law, holds) law = (holds); assert(law)

/* Values as in src/epoch/control.ts and src/lane/lane.ts; a test compares them. */
#define STATE_running 1
#define STATE_stalled 2
#define STATE_closing 3
#define STATE_closed 4
#define STATE_failed 5
#define SLEEP_awake 0
#define SLEEP_untilTick 1
#define SLEEP_idle 2
#define GUARD_IDLE 0
#define FLUSHER_ID 1

/* A thread can be terminated between any two steps (A8). The choice stands in front of the next step, within its
 * atomic: until then a dead thread cannot be told from a slow one. */
#define MAY_DIE if :: deaths < DEATHS -> deaths++; goto died :: true fi
