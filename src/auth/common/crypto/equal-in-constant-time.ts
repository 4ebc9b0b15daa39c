import { timingSafeEqual } from 'node:crypto';

/** Compares in constant time, but for the length. */
export function equalInConstantTime(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
