import { platform } from '../platform.js';

/**
 * The key of one use of a token: 128 random bits. Without the platform's `crypto`, for example in React Native without a
 * polyfill, it is still unique, but somebody could guess it.
 */
export function freshKey(): string {
  const bytes = new Uint8Array(16).map(() => Math.random() * 256);
  platform.crypto?.getRandomValues(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
