/** Waits for all, also when one has failed, and then fails with the first: what is undone must not be under way. */
export async function allDone(work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}
