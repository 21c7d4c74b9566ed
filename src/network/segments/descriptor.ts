import { closeSync, openSync } from 'node:fs';

/** An open namespace, which the kernel takes by number. Closed at the end of the scope. */
export function deviceDescriptor(namespace: string): { number: number } & Disposable {
  const number = openSync(namespace, 'r');
  return { number, [Symbol.dispose]: () => closeSync(number) };
}
