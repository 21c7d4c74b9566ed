export interface SeqpacketConnection {
  onPacket(callback: (packet: Buffer) => void): void;
  /** The peer has closed, or the connection broke. */
  onEnd(callback: (error?: Error) => void): void;
  /** Resolves when the kernel has taken all of it. */
  write(data: Uint8Array): Promise<void>;
  /** The peer reads end of file; packets still arrive. */
  shutdownWrite(): Promise<void>;
  pause(): void;
  resume(): void;
  close(): void;
}
/** Packets start to flow on resume() or when onPacket is set. */
export declare function connectSeqpacket(path: string): Promise<SeqpacketConnection>;
