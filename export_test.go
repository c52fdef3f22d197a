package geist

// DebugCtx tells the tests of package geist_test whether use after release is found.
const DebugCtx = debugCtx
