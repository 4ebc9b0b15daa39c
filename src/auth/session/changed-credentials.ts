/** The end of a hash from here on is enough to recognize it. A mark is shorter, so a mark of a mark has no end. */
export const FROM_CHARACTER = 33;

/** The credentials of a session that stays have changed. */
export interface ChangedCredentials {
  /** Milliseconds since the Unix epoch, in whole seconds. */
  readonly at: number;
  /** The end of the hash of the version before the change; empty if it is not known. */
  readonly endBefore: string;
}

/** The text that `credentialsHash` holds instead of a hash. No hash has a `~`. */
export function markOf({ at, endBefore }: ChangedCredentials): string {
  return `~${Math.floor(at / 1000)}~${endBefore}`;
}

/** The end of a hash, as the mark has it. */
export function endOf(hash: string): string {
  return hash.slice(FROM_CHARACTER - 1);
}

/** Reads a mark; `undefined` for a hash and for `null`. */
export function changedCredentials(stored: string | null): ChangedCredentials | undefined {
  if (!stored?.startsWith('~')) return undefined;
  const [, seconds, endBefore] = stored.split('~');
  return { at: Number(seconds) * 1000, endBefore };
}
