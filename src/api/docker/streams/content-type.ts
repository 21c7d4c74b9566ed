/** Type of a stream of output: since API 1.42 it tells whether the bytes are framed. */
export function streamType(minor: number, tty: boolean): string {
  return minor >= 42 && !tty ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream';
}
