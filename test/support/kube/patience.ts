// How long tests with a real API server wait for what is to come: one measure for all of them. An API server, etcd, operators, routers and kubectl
// share the cores of whoever runs the tests, so a deadline leaves several times what a quiet machine needs; it costs nothing where nothing is
// wrong. What the product promises in time has a number of its own beside the test.

/** slow is how a test waits for the state of a cluster. */
export const slow = { deadlineMs: 90_000, everyMs: 200 };

/** testMs is the limit of one test, or of what is made before and taken away after all of them: several waits. */
export const testMs = 240_000;

/** commandMs is how long one command of ours may take until it has ended, several at once. */
export const commandMs = 90_000;

/** stopMs is how long a process that was told to end may take before it is killed. */
export const stopMs = 30_000;
