import { timingSafeEqual } from 'node:crypto';

/** Compares in constant time. Only the length can leak. */
export function equalInConstantTime(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
