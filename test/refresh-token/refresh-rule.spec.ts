import fc from 'fast-check';
import {
  decideRefresh,
  type RefreshDecision,
  type RefreshLimits,
  type SessionState,
} from '../../src/auth/refresh-token/refresh-rule.js';
import { describe, expect, it } from 'vitest';

const limits: RefreshLimits = { idleTtl: 7_000, grace: 10 };
const session: SessionState = {
  generation: 5,
  expiresAt: 30_000,
  lastUsedAt: 1_000,
  rotatedAt: 1_000,
  revokedAt: null,
  keyBound: false,
};

function decide(
  generation: number,
  {
    matches = true,
    bound = true,
    wasLive = false,
    now = 1_000,
    grace = limits.grace,
    ...changed
  }: Partial<SessionState> & {
    matches?: boolean;
    bound?: boolean;
    wasLive?: boolean;
    now?: number;
    grace?: number;
  } = {},
): RefreshDecision {
  return decideRefresh({ ...session, ...changed }, { generation, matches, bound, wasLive }, now, {
    ...limits,
    grace,
  });
}

describe('the rule', () => {
  const rotate = { action: 'rotate' };
  const repeat = { action: 'repeat' };
  const reuse = { action: 'reuse' };
  const refuse = (reason: string) => ({ action: 'refuse', reason });

  it.each([
    ['the live token', decide(5), rotate],
    ['the live token, one millisecond before the session ends', decide(5, { now: 29_999, lastUsedAt: 29_000 }), rotate],
    ['the live token, as the session ends', decide(5, { now: 30_000, lastUsedAt: 29_000 }), refuse('expired')],
    ['the live token, one millisecond before it has been idle too long', decide(5, { now: 7_999 }), rotate],
    ['the live token, idle too long', decide(5, { now: 8_000 }), refuse('idle')],
    ['the live token of a revoked session', decide(5, { revokedAt: 900 }), refuse('revoked')],
    ['a live token that the row does not vouch for', decide(5, { matches: false }), reuse],
    ['the predecessor within the window', decide(4, { now: 1_009 }), repeat],
    ['the predecessor as the window closes', decide(4, { now: 1_010 }), reuse],
    ['the predecessor, by a clock that is late', decide(4, { now: 400 }), repeat],
    ['a predecessor that does not lead to the live token', decide(4, { matches: false }), reuse],
    ['the predecessor of a revoked session', decide(4, { revokedAt: 900 }), refuse('revoked')],
    ['strict: the predecessor that arrived with the answer', decide(4, { grace: 0 }), reuse],
    ['strict: the predecessor that arrived before it', decide(4, { grace: 0, now: 999 }), refuse('concurrent')],
    ['strict: the predecessor that arrived after it', decide(4, { grace: 0, now: 1_001 }), reuse],
    [
      'strict: the predecessor that was live when it arrived',
      decide(4, { grace: 0, wasLive: true }),
      refuse('concurrent'),
    ],
    ['the predecessor that was live when it arrived', decide(4, { now: 5_000, wasLive: true }), repeat],
    ['an older token that was live when it arrived', decide(3, { now: 5_000, wasLive: true }), refuse('concurrent')],
    ['an older token', decide(3), reuse],
    ['the first token', decide(0), reuse],
    ['an older token that arrived before the latest rotation', decide(3, { now: 999 }), refuse('concurrent')],
    ['an older token of an expired session', decide(3, { now: 30_000 }), refuse('expired')],
    ['a token of the future', decide(6), refuse('generation_ahead')],
    ['the live token without what the session is bound to', decide(5, { bound: false }), refuse('binding_failed')],
    ['the predecessor without it, within the window', decide(4, { bound: false, now: 1_009 }), reuse],
    ['an older token without it', decide(3, { bound: false }), reuse],
    ['a dead session, without it', decide(5, { bound: false, revokedAt: 900 }), refuse('revoked')],
    ['bound to a key: the predecessor, days later', decide(4, { keyBound: true, now: 7_999 }), repeat],
    ['bound to a key: the predecessor without the key', decide(4, { keyBound: true, bound: false }), reuse],
    ['bound to a key, strict: the predecessor', decide(4, { keyBound: true, grace: 0 }), repeat],
    ['bound to a key: an older token', decide(3, { keyBound: true }), reuse],
    ['bound to a key: the predecessor of an idle session', decide(4, { keyBound: true, now: 8_000 }), refuse('idle')],
  ])('%s', (_, decision, expected) => {
    expect(decision).toEqual(expected);
  });

  // Few and small values, so that boundaries meet often.
  const time = fc.nat(40);
  const cases = fc.record({
    row: fc.record({
      generation: fc.nat(4),
      expiresAt: time,
      lastUsedAt: time,
      rotatedAt: time,
      revokedAt: fc.option(time, { freq: 8 }),
      keyBound: fc.boolean(),
    }),
    token: fc.record({
      generation: fc.nat(5),
      matches: fc.boolean(),
      bound: fc.boolean(),
      wasLive: fc.boolean(),
    }),
    now: time,
    limit: fc.record({ idleTtl: fc.integer({ min: 1, max: 40 }), grace: fc.nat(20) }),
  });

  it('holds whatever row, token, time and limits meet', () => {
    fc.assert(
      fc.property(cases, ({ row, token, now, limit }) => {
        const { action } = decideRefresh(row, token, now, limit);
        const behind = row.generation - token.generation;
        const alive = row.revokedAt === null && now < row.expiresAt && now < row.lastUsedAt + limit.idleTtl;
        const raced = token.wasLive || now < row.rotatedAt;
        const inWindow = row.keyBound || (limit.grace > 0 && (raced || now < row.rotatedAt + limit.grace));

        // Tokens only for a living session, for one whom the row vouches for, and from where the session is bound to.
        if (action === 'rotate' || action === 'repeat') {
          expect(alive && token.matches && token.bound).toBe(true);
        }
        // A request without the binding changes nothing, unless its token is no longer live.
        if (!token.bound && behind === 0 && token.matches) expect(action).toBe('refuse');
        // The live token alone is succeeded, its predecessor alone is answered again, and only within the window.
        if (action === 'rotate') expect(behind).toBe(0);
        if (action === 'repeat') expect(behind === 1 && inWindow).toBe(true);
        // No false reuse: neither for a genuine live token, nor for its predecessor within the window.
        if (token.matches && token.bound && (behind <= 0 || (behind === 1 && inWindow)))
          expect(action).not.toBe('reuse');
        // No reuse overlooked.
        if (alive && behind > 1 && !raced) expect(action).toBe('reuse');
        if (alive && behind === 1 && !inWindow && !raced) expect(action).toBe('reuse');
        // The dead stay dead, and cannot be ended again.
        if (!alive) expect(action).toBe('refuse');
      }),
      { numRuns: 50_000 },
    );
  });
});
