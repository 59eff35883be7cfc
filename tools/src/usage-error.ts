/** Wrong usage, as opposed to work that failed: `yap` ends with exit code 2 instead of 1. */
export class UsageError extends Error {}
