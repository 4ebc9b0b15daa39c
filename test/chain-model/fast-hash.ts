import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Replaces HMAC in this process by a hash that takes a tenth of the time (FNV-1a in two lanes). For histories alone:
 * they need different hashes for different uses, and no security. Call it before the library is imported.
 */
export function useFastHash(): void {
  crypto.createHmac = ((_: string, root: Buffer) =>
    new FastHash(root.readInt32BE())) as unknown as typeof crypto.createHmac;
  syncBuiltinESMExports();
}

class FastHash {
  private one: number;
  private other: number;

  constructor(start: number) {
    this.one = start ^ 0x811c9dc5;
    this.other = start ^ 0x01000193;
  }

  update(data: string | Buffer): this {
    let { one, other } = this;
    if (typeof data === 'string') {
      for (let at = 0; at < data.length; at++) {
        one = Math.imul(one ^ data.charCodeAt(at), 0x01000193);
        other = Math.imul(other ^ data.charCodeAt(at), 0x5bd1e995) ^ (one >>> 15);
      }
    } else {
      for (let at = 0; at < data.length; at++) {
        one = Math.imul(one ^ data[at], 0x01000193);
        other = Math.imul(other ^ data[at], 0x5bd1e995) ^ (one >>> 15);
      }
    }
    this.one = one;
    this.other = other;
    return this;
  }

  digest(): Buffer {
    const digest = Buffer.allocUnsafe(9);
    digest.writeInt32BE(this.one, 0);
    digest.writeInt32BE(this.other, 4);
    digest[8] = this.one ^ this.other;
    return digest;
  }
}
