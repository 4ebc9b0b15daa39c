import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { KEY_ID_BYTES, KeyRing, type Keys } from '../common/crypto/key-ring.js';
import { bytesToUuid, uuidToBytes } from '../common/crypto/uuid-bytes.js';

/** The readable part of a refresh token that this server has issued. */
export interface IssuedRefreshToken {
  /** The session's id, a UUID. */
  readonly sessionId: string;
  /** How often the session had been refreshed when this token was issued. The first token has 0. */
  readonly generation: number;
}

/** All parts of a refresh token, as the server that issued it decodes them. */
export interface DecodedRefreshToken extends IssuedRefreshToken {
  /** The keys that the token was issued with. */
  readonly keys: Keys;
  /** 256 random bits, the same in all tokens of a session. */
  readonly root: Buffer;
  /** Proves that this server has issued the token of this generation. */
  readonly voucher: Buffer;
}

/** The prefix by which secret scanners recognise the token. */
export const REFRESH_TOKEN_PREFIX = 'nrt_';

export const ROOT_BYTES = 32;
export const VOUCHER_BYTES = 24;
const VERSION = 2;
const TAG_BYTES = 16;

const KEY_ID_AT = 1;
const SESSION_ID_AT = KEY_ID_AT + KEY_ID_BYTES;
const GENERATION_AT = SESSION_ID_AT + 16;
const ROOT_AT = GENERATION_AT + 4;
const VOUCHER_AT = ROOT_AT + ROOT_BYTES;
const TAG_AT = VOUCHER_AT + VOUCHER_BYTES;
const TOKEN_BYTES = TAG_AT + TAG_BYTES;

// TOKEN_BYTES is a multiple of three, so no two texts of this form decode to the same bytes.
const FORM = new RegExp(`^${REFRESH_TOKEN_PREFIX}[A-Za-z0-9_-]{${(TOKEN_BYTES / 3) * 4}}$`);

/**
 * Encodes and decodes refresh tokens: `version · key id · session id · generation · root · voucher · tag`. The
 * tag covers everything before it.
 */
@Injectable()
export class RefreshTokenCodec {
  /** Only objects in this set count as decoded. An object from a request body has no checked tag. */
  private readonly decoded = new WeakSet<object>();

  constructor(private readonly keyRing: KeyRing) {}

  encode({ keys, sessionId, generation, root, voucher }: DecodedRefreshToken): string {
    const bytes = Buffer.alloc(TOKEN_BYTES);
    bytes.writeUInt8(VERSION, 0);
    bytes.write(keys.id, KEY_ID_AT, 'base64url');
    uuidToBytes(sessionId).copy(bytes, SESSION_ID_AT);
    bytes.writeUInt32BE(generation, GENERATION_AT);
    root.copy(bytes, ROOT_AT);
    voucher.copy(bytes, VOUCHER_AT);
    tagOf(keys, bytes).copy(bytes, TAG_AT);
    return REFRESH_TOKEN_PREFIX + bytes.toString('base64url');
  }

  /** Whether another server of this library may have issued the token. */
  isOfAnotherServer(token: string): boolean {
    return FORM.test(token) && !this.decode(token);
  }

  /**
   * Decodes a token without a database query. Returns `undefined` if this server did not issue it.
   *
   * @param token the token as a string, or an object that this method has returned
   */
  decode(token: string | IssuedRefreshToken): DecodedRefreshToken | undefined {
    if (typeof token !== 'string') return this.isDecoded(token) ? token : undefined;
    if (!FORM.test(token)) return undefined;
    const bytes = Buffer.from(token.slice(REFRESH_TOKEN_PREFIX.length), 'base64url');
    if (bytes.readUInt8(0) !== VERSION) return undefined;
    const keys = this.keyRing.find(bytes.toString('base64url', KEY_ID_AT, SESSION_ID_AT));
    if (!keys || !timingSafeEqual(tagOf(keys, bytes), bytes.subarray(TAG_AT))) return undefined;
    const decoded = {
      keys,
      sessionId: bytesToUuid(bytes.subarray(SESSION_ID_AT, GENERATION_AT)),
      generation: bytes.readUInt32BE(GENERATION_AT),
      root: bytes.subarray(ROOT_AT, VOUCHER_AT),
      voucher: bytes.subarray(VOUCHER_AT, TAG_AT),
    };
    this.decoded.add(decoded);
    return decoded;
  }

  private isDecoded(token: IssuedRefreshToken): token is DecodedRefreshToken {
    return this.decoded.has(token);
  }
}

function tagOf(keys: Keys, bytes: Buffer): Buffer {
  return createHmac('sha256', keys.tag).update(bytes.subarray(0, TAG_AT)).digest().subarray(0, TAG_BYTES);
}
