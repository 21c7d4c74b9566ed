/**
 * Runs every step even when some fail, then throws what failed: tear-down cleans as much as it can.
 * One failure is thrown as it is, several as an AggregateError.
 */
export async function tearDown(...steps: (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map((e) => (e instanceof Error ? e.message : String(e))).join('; '));
}
