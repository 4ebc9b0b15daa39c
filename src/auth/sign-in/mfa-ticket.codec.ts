import { createCipheriv, createDecipheriv, createHmac, type KeyObject, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { KEY_ID_BYTES, KeyRing } from '../common/crypto/key-ring.js';
import type { PendingSignIn } from './pending-sign-in.js';

/** The prefix by which secret scanners recognise a ticket. */
const PREFIX = 'nrtm_';
/** Characters. The longest names, scopes, tags and metadata of a session fit. */
const LONGEST = 32_768;
const FORM = new RegExp(`^${PREFIX}[A-Za-z0-9_-]+$`);

const CIPHER = 'aes-256-gcm';
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SALT_AT = KEY_ID_BYTES;
const IV_AT = SALT_AT + SALT_BYTES;
const TAG_AT = IV_AT + IV_BYTES;
const TEXT_AT = TAG_AT + TAG_BYTES;

/**
 * Seals sign-ins into tickets: `key id · salt · iv · tag · encrypted JSON`. A client cannot read whom a ticket is about, and
 * nobody can change it. Each ticket has its own key, so that random IVs never meet under one key.
 */
@Injectable()
export class MfaTicketCodec {
  constructor(private readonly keyRing: KeyRing) {}

  seal(signIn: PendingSignIn): string {
    const { id, mfaTicket } = this.keyRing.current;
    const keyId = Buffer.from(id, 'base64url');
    const [salt, iv] = [randomBytes(SALT_BYTES), randomBytes(IV_BYTES)];
    const cipher = createCipheriv(CIPHER, keyOf(mfaTicket, salt), iv).setAAD(keyId);
    const text = Buffer.concat([cipher.update(JSON.stringify(signIn)), cipher.final()]);
    return PREFIX + Buffer.concat([keyId, salt, iv, cipher.getAuthTag(), text]).toString('base64url');
  }

  /** `undefined` if this server has not issued the ticket. It may have expired or be used up. */
  open(ticket: unknown): PendingSignIn | undefined {
    if (typeof ticket !== 'string' || ticket.length > LONGEST || !FORM.test(ticket)) return undefined;
    const bytes = Buffer.from(ticket.slice(PREFIX.length), 'base64url');
    if (bytes.length <= TEXT_AT) return undefined;
    const keyId = bytes.subarray(0, SALT_AT);
    const keys = this.keyRing.find(keyId.toString('base64url'));
    if (!keys) return undefined;
    const [salt, iv] = [bytes.subarray(SALT_AT, IV_AT), bytes.subarray(IV_AT, TAG_AT)];
    const decipher = createDecipheriv(CIPHER, keyOf(keys.mfaTicket, salt), iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(keyId).setAuthTag(bytes.subarray(TAG_AT, TEXT_AT));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(TEXT_AT)), decipher.final()]);
      return JSON.parse(text.toString()) as PendingSignIn;
    } catch {
      return undefined;
    }
  }
}

function keyOf(key: KeyObject, salt: Buffer): Buffer {
  return createHmac('sha256', key).update(salt).digest();
}
