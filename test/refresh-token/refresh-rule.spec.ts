import fc from 'fast-check';
import {
  decideRefresh,
  type LateAnswers,
  type PresentedToken,
  type RefreshDecision,
  type RefreshLimits,
  type SessionState,
} from '../../src/auth/refresh-token/refresh-rule.js';
import { describe, expect, it } from 'vitest';

const HOUR = 3_600_000;
/** When the window of the session below began. */
const START = 50_000;

const limits: RefreshLimits = {
  idleTtl: 7_000_000,
  grace: 10,
  outage: 0,
  lateAnswers: { burst: 1, per: HOUR, withoutKeys: false },
  otherDeviceIsReuse: true,
};
const strict = { grace: 0 };
const off = { burst: 0, per: 0, withoutKeys: false };
const forAll = { ...limits.lateAnswers, withoutKeys: true };

/** Its burst began at generation 3: two refreshes. */
const session: SessionState = {
  generation: 5,
  windowGeneration: 3,
  windowStartedAt: START,
  lateAnswersAt: 0,
  expiresAt: 30_000_000,
  lastUsedAt: START,
  revokedAt: null,
  keyBound: false,
};

const token: Omit<PresentedToken, 'generation' | 'arrivedAt'> = {
  genuine: true,
  bound: true,
  otherClient: false,
  sameDevice: true,
  wasLive: false,
  lateRetries: undefined,
  finished: false,
  claims: false,
  shared: false,
};
/** What the request says, as the lists judge it. */
const claims = { claims: true };
const shared = { claims: true, shared: true };
const finished = { finished: true };
const retried = (lateRetries: number) => ({ lateRetries });
const elsewhere = { sameDevice: false };

interface Circumstances extends Partial<Omit<SessionState, 'generation'> & PresentedToken & RefreshLimits> {
  now?: number;
}

/** Presents a token some milliseconds after the window began. By default the request has not waited. */
function decide(generation: number, after: number, circumstances: Circumstances = {}): RefreshDecision {
  const { now = START + after, ...changed } = circumstances;
  const presented = { ...token, arrivedAt: START + after, ...changed, generation };
  return decideRefresh({ ...session, ...changed, generation: 5 }, presented, now, { ...limits, ...changed });
}

const rotate = { action: 'rotate' };
const adopt = { action: 'adopt' };
const repeat = { action: 'repeat' };
const retry = { action: 'retry', late: false };
const lateRetry = { action: 'retry', late: true };
const late = { action: 'late' };
const superseded = { action: 'superseded' };
const reuse = { action: 'reuse', reason: 'reuse_detected' };
const tokenShared = { action: 'reuse', reason: 'token_shared' };
const refuse = (reason: string) => ({ action: 'refuse', reason });

const IDLE = limits.idleTtl;
const END = session.expiresAt - START;

describe('the rule', () => {
  it.each([
    ['the live token', decide(5, 0), rotate],
    ['the live token, however late', decide(5, IDLE - 1), rotate],
    ['the live token from another device', decide(5, 0, elsewhere), rotate],
    ['the live token, given to those that the client names', decide(5, 0, claims), rotate],
    ['the live token, given to another, too', decide(5, 0, shared), tokenShared],
  ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));

  describe('a session that has ended', () => {
    const dead = { revokedAt: START };
    const soon = { lastUsedAt: START + END - 1 };

    it.each([
      ['one millisecond before it expires', decide(5, END - 1, soon), rotate],
      ['as it expires', decide(5, END, soon), refuse('expired')],
      ['one millisecond before it has been idle too long', decide(5, IDLE - 1), rotate],
      ['idle too long', decide(5, IDLE), refuse('idle')],
      ['revoked', decide(5, 0, dead), refuse('revoked')],
      ['revoked: the predecessor within the window', decide(4, 0, dead), refuse('revoked')],
      ['revoked: a retry', decide(4, 0, { ...dead, ...retried(0) }), refuse('revoked')],
      ['revoked: an older token', decide(0, 99, dead), refuse('revoked')],
      ['revoked: a shared token', decide(5, 0, { ...dead, ...shared }), refuse('revoked')],
      ['revoked: a token that is newer than the row', decide(6, 0, dead), refuse('revoked')],
      ['revoked: without what it is bound to', decide(5, 0, { ...dead, bound: false }), refuse('revoked')],
      ['revoked: a token that is not genuine', decide(5, 0, { ...dead, genuine: false }), refuse('revoked')],
      ['expired: an older token', decide(3, END), refuse('expired')],
      ['expired: a token that is newer than the row', decide(6, END), refuse('expired')],
      ['idle: an older token', decide(3, IDLE), refuse('idle')],
      ['idle: bound to a key, the predecessor', decide(4, IDLE, { keyBound: true }), refuse('idle')],
      ['idle: a token that is newer than the row, which lost its latest use', decide(6, IDLE), adopt],
      ['idle: a newer one that is not genuine', decide(6, IDLE, { genuine: false }), refuse('not_genuine')],
      ['idle: a newer one without the binding', decide(6, IDLE, { bound: false }), refuse('binding_failed')],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a token that is not genuine ends no session', () => {
    const forged = { genuine: false };

    it.each([
      ['live', decide(5, 0, forged), refuse('not_genuine')],
      ['the predecessor', decide(4, 0, forged), refuse('not_genuine')],
      ['an older one', decide(0, 99, forged), refuse('not_genuine')],
      ['newer than the row', decide(6, 0, forged), refuse('not_genuine')],
      ['shared', decide(5, 0, { ...forged, ...shared }), refuse('not_genuine')],
      ['without the binding', decide(4, 0, { ...forged, bound: false }), refuse('not_genuine')],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a request without what the session is bound to', () => {
    const unbound = { bound: false };

    it.each([
      ['the live token', decide(5, 0, unbound), refuse('binding_failed')],
      ['the live token, shared', decide(5, 0, { ...unbound, ...shared }), refuse('binding_failed')],
      ['a token that is newer than the row', decide(6, 0, unbound), refuse('binding_failed')],
      ['the predecessor within the window', decide(4, 9, unbound), reuse],
      ['the predecessor, shared', decide(4, 9, { ...unbound, ...shared }), reuse],
      ['a retry', decide(4, 9, { ...unbound, ...retried(0) }), reuse],
      ['a late one', decide(4, 99, { ...unbound, ...claims }), reuse],
      ['an older token', decide(3, 0, unbound), reuse],
      ['bound to a key: the predecessor', decide(4, 0, { ...unbound, keyBound: true }), reuse],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a request that names another client', () => {
    const other = { otherClient: true };
    const mismatch = refuse('client_mismatch');
    const wasLive = { wasLive: true };

    it.each([
      ['the live token', decide(5, 0, other), mismatch],
      ['a token that is newer than the row', decide(6, 0, other), mismatch],
      ['the predecessor within the window', decide(4, 9, other), mismatch],
      ['a retry', decide(4, 99, { ...other, ...retried(0) }), mismatch],
      ['a retry, the fourth time', decide(4, 99, { ...other, ...retried(3) }), mismatch],
      ['a straggler', decide(3, 99, { ...other, ...finished }), mismatch],
      ['a late one', decide(4, 99, { ...other, ...claims }), mismatch],
      ['in a race', decide(2, 99, { ...other, ...wasLive, ...claims }), mismatch],
      ['strict, in a race', decide(4, 9, { ...other, ...strict, ...wasLive }), mismatch],
      ['bound to a key: the predecessor, days later', decide(4, 99_999, { ...other, keyBound: true }), mismatch],
      ['an older token: the theft does not hide', decide(3, 10, other), reuse],
      ['the predecessor after the window', decide(4, 10, other), reuse],
      ['the predecessor from another device', decide(4, 9, { ...other, ...elsewhere }), reuse],
      ['the live token, given to another, too', decide(5, 0, { ...other, ...shared }), tokenShared],
      ['revoked', decide(5, 0, { ...other, revokedAt: START }), refuse('revoked')],
      ['idle too long', decide(5, IDLE, other), refuse('idle')],
      ['a token that is not genuine', decide(5, 0, { ...other, genuine: false }), refuse('not_genuine')],
      ['without the binding', decide(5, 0, { ...other, bound: false }), refuse('binding_failed')],
      ['without the binding: an older token', decide(4, 0, { ...other, bound: false }), reuse],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a token that is newer than the row', () => {
    it.each([
      ['by one', decide(6, 0), adopt],
      ['by many', decide(4_000, 99), adopt],
      ['with a claim', decide(6, 0, claims), adopt],
      ['from another device', decide(6, 0, elsewhere), adopt],
      ['strict', decide(6, 0, strict), adopt],
      ['bound to a key', decide(6, 0, { keyBound: true }), adopt],
    ])('%s: adopted', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('the window', () => {
    it.each([
      ['the predecessor, at once', decide(4, 0), repeat],
      ['the predecessor, one millisecond before it closes', decide(4, 9), repeat],
      ['the predecessor, as it closes', decide(4, 10), reuse],
      ['the first token of the burst', decide(3, 9), repeat],
      ['the first token of the burst, as it closes', decide(3, 10), reuse],
      ['a token from before the burst', decide(2, 0), reuse],
      ['the first token of the session', decide(0, 0), reuse],
      ['one behind, where the burst began with the live token', decide(4, 0, { windowGeneration: 5 }), reuse],
      ['by a clock that is slow', decide(4, -5_000), repeat],
      ['that starts in 9,999 ms, by a clock that is wrong', decide(4, -9_999), repeat],
      ['that starts in 10 s: it is not open', decide(4, -10_000), reuse],
      ['an hour in the future: it is not open', decide(3, -40_000), reuse],
      ['a request that waited here since it was open', decide(4, 9, { now: START + 500 }), repeat],
      ['a request that waited here since it closed', decide(4, 10, { now: START + 500 }), reuse],
      ['an outage counts for nothing', decide(4, 109, { outage: 100 }), repeat],
      ['as it closes after an outage', decide(4, 110, { outage: 100 }), reuse],
      ['with a claim: the predecessor', decide(4, 9, claims), repeat],
      ['with a claim: two behind, which knows better', decide(3, 9, claims), superseded],
      ['with a claim: before the burst', decide(2, 9, claims), reuse],
      ['the predecessor, given to another, too', decide(4, 9, shared), tokenShared],
      ['from another device', decide(4, 9, elsewhere), reuse],
      ['from another device, allowed', decide(4, 9, { ...elsewhere, otherDeviceIsReuse: false }), repeat],
      ['from another device, with a claim', decide(4, 9, { ...elsewhere, ...claims }), reuse],
      ['from another device, two behind with a claim', decide(3, 9, { ...elsewhere, ...claims }), superseded],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a retry: a use that was answered with the live token', () => {
    it.each([
      ['within the window', decide(4, 9, retried(0)), retry],
      ['within the window, after more than three late ones', decide(4, 9, retried(7)), retry],
      ['within the window, from another device', decide(4, 9, { ...retried(0), ...elsewhere }), retry],
      ['within the window, with a claim', decide(4, 9, { ...retried(0), ...claims }), retry],
      ['two behind with a claim, answered before', decide(3, 9, { ...retried(0), ...claims }), retry],
      ['of a token that is shared: the live one tells', decide(4, 9, { ...retried(0), ...shared }), retry],
      ['as the window closes', decide(4, 10, retried(0)), lateRetry],
      ['days later', decide(4, IDLE - 1, retried(0)), lateRetry],
      ['late, the third time', decide(4, 10, retried(2)), lateRetry],
      ['late, the fourth time', decide(4, 10, retried(3)), superseded],
      ['late, two behind', decide(3, 10, retried(0)), superseded],
      ['late, from another device', decide(4, 10, { ...retried(0), ...elsewhere }), superseded],
      ['late, without late answers', decide(4, 10, { ...retried(0), lateAnswers: off }), lateRetry],
      ['of a token that was live when it arrived', decide(4, 99, { ...retried(3), wasLive: true }), retry],
      ['strict', decide(4, 0, { ...retried(0), ...strict }), lateRetry],
      ['strict, the fourth time', decide(4, 99, { ...retried(3), ...strict }), superseded],
      ['bound to a key, days later', decide(4, 99_999, { ...retried(3), keyBound: true }), retry],
      ['bound to a key, two behind', decide(3, 99, { ...retried(3), keyBound: true }), superseded],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a straggler: a use that was answered with the predecessor', () => {
    it.each([
      ['within the window', decide(3, 9, finished), superseded],
      ['days later', decide(3, IDLE - 1, finished), superseded],
      ['of an old token', decide(0, 99, finished), superseded],
      ['from another device', decide(3, 9, { ...finished, ...elsewhere }), superseded],
      ['with a claim', decide(3, 99, { ...finished, ...claims }), superseded],
      ['strict', decide(3, 99, { ...finished, ...strict }), superseded],
      ['bound to a key', decide(3, 99, { ...finished, keyBound: true }), superseded],
    ])('%s: nothing is revoked', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a late answer: the predecessor after the window', () => {
    const budget = (burst: number) => ({ ...claims, lateAnswers: { burst, per: HOUR, withoutKeys: false } });
    const at = (hours: number) => ({ lateAnswersAt: START + 10 + hours * HOUR });

    it.each([
      ['with a claim', decide(4, 10, claims), late],
      ['without a claim', decide(4, 10), reuse],
      ['without a claim, where clients without keys get it', decide(4, 10, { lateAnswers: forAll }), late],
      ['switched off', decide(4, 10, { ...claims, lateAnswers: off }), reuse],
      ['given to another, too', decide(4, 10, shared), tokenShared],
      ['two behind', decide(3, 10, claims), reuse],
      ['from another device', decide(4, 10, { ...claims, ...elsewhere }), reuse],
      ['from another device, allowed', decide(4, 10, { ...claims, ...elsewhere, otherDeviceIsReuse: false }), reuse],
      ['strict', decide(4, 10, { ...claims, ...strict }), reuse],
      ['strict, where clients without keys get it', decide(4, 10, { ...strict, lateAnswers: forAll }), reuse],
      ['one millisecond before the budget has the next one', decide(4, 9 + HOUR, { ...claims, ...at(1) }), reuse],
      ['as the budget has the next one', decide(4, 10 + HOUR, { ...claims, ...at(1) }), late],
      ['the third of three at once', decide(4, 10, { ...budget(3), ...at(2) }), late],
      ['the fourth of three at once', decide(4, 10, { ...budget(3), ...at(3) }), reuse],
      ['the fourth of three, too early', decide(4, 9 + HOUR, { ...budget(3), ...at(3) }), reuse],
      ['the fourth of three, in time', decide(4, 10 + HOUR, { ...budget(3), ...at(3) }), late],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('a race: the token may have been live when its request arrived', () => {
    const wasLive = { wasLive: true };

    it.each([
      ['live when it was first read', decide(4, 99, wasLive), repeat],
      ['live when it was first read, several refreshes ago', decide(2, 99, wasLive), repeat],
      ['the same with a claim', decide(2, 99, { ...wasLive, ...claims }), superseded],
      ['the same with a claim, shared', decide(4, 99, { ...wasLive, ...shared }), tokenShared],
      ['the same from another device', decide(4, 99, { ...wasLive, ...elsewhere }), reuse],
      ['from before the burst, arrived before it', decide(2, -1), superseded],
      ['from before the burst, arrived with it', decide(2, 0), reuse],
      ['from before the burst, before a window in the far future', decide(2, -10_000), reuse],
      ['the same, one millisecond nearer', decide(2, -9_999), superseded],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('strict', () => {
    it.each([
      ['the live token', decide(5, 0, strict), rotate],
      ['the predecessor that arrived with the answer', decide(4, 0, strict), reuse],
      ['the predecessor that arrived before it', decide(4, -1, strict), refuse('concurrent')],
      ['the predecessor that arrived after it', decide(4, 1, strict), reuse],
      ['the predecessor within an outage', decide(4, 1, { ...strict, outage: 100 }), reuse],
      [
        'the predecessor that was live when it arrived',
        decide(4, 9, { ...strict, wasLive: true }),
        refuse('concurrent'),
      ],
      [
        'an older token that was live when it arrived',
        decide(2, 9, { ...strict, wasLive: true }),
        refuse('concurrent'),
      ],
      ['an older token', decide(3, 9, strict), reuse],
      ['before a window in the far future', decide(4, -10_000, strict), reuse],
      ['with a claim, shared', decide(4, -1, { ...strict, ...shared }), tokenShared],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  describe('bound to a key that the client proves', () => {
    const keyBound = { keyBound: true };

    it.each([
      ['the predecessor, days later', decide(4, IDLE - 1, keyBound), repeat],
      ['the predecessor, strict', decide(4, 99, { ...keyBound, ...strict }), repeat],
      ['the predecessor from another device', decide(4, 99, { ...keyBound, ...elsewhere }), repeat],
      ['the predecessor, given to another, too', decide(4, 99, { ...keyBound, ...shared }), tokenShared],
      ['two behind within the window', decide(3, 9, keyBound), repeat],
      ['two behind within the window, with a claim', decide(3, 9, { ...keyBound, ...claims }), superseded],
      ['two behind after the window', decide(3, 10, keyBound), reuse],
      ['two behind, strict', decide(3, 0, { ...keyBound, ...strict }), reuse],
      ['the live token, given to another, too', decide(5, 0, { ...keyBound, ...shared }), tokenShared],
    ])('%s', (_, decision, expected) => expect(decision).toEqual(expected));
  });

  // Few and small values, so that boundaries meet often. A window that starts 10 s from now is one of the boundaries.
  const time = fc.nat(40);
  const windowStart = fc.oneof(time, fc.integer({ min: 9_980, max: 10_060 }));
  const generation = fc.nat(4);
  const cases = fc.record({
    row: fc.record({
      generation,
      windowGeneration: generation,
      windowStartedAt: windowStart,
      lateAnswersAt: fc.nat(90),
      expiresAt: time,
      lastUsedAt: time,
      revokedAt: fc.option(time, { freq: 8 }),
      keyBound: fc.boolean(),
    }),
    presented: fc.record({
      generation: fc.nat(5),
      genuine: fc.boolean(),
      bound: fc.boolean(),
      sameDevice: fc.boolean(),
      waited: fc.nat(20),
      wasLive: fc.boolean(),
      lateRetries: fc.option(fc.nat(5), { nil: undefined, freq: 2 }),
      finished: fc.boolean(),
      claims: fc.boolean(),
      shared: fc.boolean(),
    }),
    now: time,
    limit: fc.record({
      idleTtl: fc.integer({ min: 1, max: 40 }),
      grace: fc.nat(20),
      outage: fc.oneof(fc.constant(0), fc.nat(20)),
      lateAnswers: fc.oneof(
        fc.constant<LateAnswers>(off),
        fc.record({
          burst: fc.integer({ min: 1, max: 3 }),
          per: fc.integer({ min: 1, max: 20 }),
          withoutKeys: fc.boolean(),
        }),
      ),
      otherDeviceIsReuse: fc.boolean(),
    }),
  });

  it('holds whatever row, token, claim, time and limits meet', () => {
    fc.assert(
      fc.property(cases, ({ row, presented: { waited, ...random }, now, limit }) => {
        const arrivedAt = now - waited;
        const behind = row.generation - random.generation;
        // What the lists can say: a retry and a straggler are older tokens, and only a claim shows that one is shared.
        const presented: PresentedToken = {
          ...random,
          otherClient: false,
          arrivedAt,
          lateRetries: behind > 0 ? random.lateRetries : undefined,
          finished: behind > 1 && random.finished,
          shared: random.claims && (behind === 0 || behind === 1) && random.shared,
        };
        const { genuine, bound, sameDevice, wasLive, lateRetries, claims, shared } = presented;
        const decision = decideRefresh(row, presented, now, limit);
        const { action } = decision;
        const reason = 'reason' in decision ? decision.reason : undefined;

        const ended = row.revokedAt !== null || now >= row.expiresAt;
        const idle = now >= row.lastUsedAt + limit.idleTtl;
        const isStrict = limit.grace === 0 && !row.keyBound;
        const wrongClock = row.windowStartedAt >= now + 10_000;
        const raced = wasLive || (!wrongClock && arrivedAt < row.windowStartedAt);
        const inTime = !wrongClock && arrivedAt < row.windowStartedAt + limit.grace + limit.outage;
        const inWindow =
          wasLive ||
          (limit.grace > 0 && inTime && random.generation >= row.windowGeneration) ||
          (row.keyBound && behind === 1);
        const known = lateRetries !== undefined || presented.finished;
        const { burst, per, withoutKeys } = limit.lateAnswers;
        // How many late answers were given that no time has made up for yet.
        const spent = Math.max(0, Math.ceil((row.lateAnswersAt - now) / (per || 1)));
        const mayBeLate = behind === 1 && !isStrict && sameDevice && (claims || withoutKeys) && spent < burst;
        const otherDevice = limit.otherDeviceIsReuse && !sameDevice && !row.keyBound;

        // The dead stay dead, and cannot be ended again. Only a row that lost its latest use looks idle and is not.
        if (ended) expect(action).toBe('refuse');
        if (idle && !ended) expect(['refuse', 'adopt']).toContain(action);
        if (idle && behind >= 0) expect(action).toBe('refuse');

        // Tokens go only to one whose token is genuine, and from where the session is bound to.
        const answers = ['rotate', 'adopt', 'repeat', 'retry', 'late'].includes(action);
        if (answers) expect(genuine && bound).toBe(true);
        // Who has no genuine token, or the live one without the binding, changes nothing.
        if (!genuine) expect(action).toBe('refuse');
        if (!bound && behind <= 0) expect(action).toBe('refuse');
        // An unbound request can accuse nobody by a claim.
        if (!bound) expect(reason).not.toBe('token_shared');
        if (reason === 'token_shared') expect(shared && claims).toBe(true);

        // Only the live token is succeeded, only a newer one is adopted, and only older ones get the live one again.
        if (action === 'rotate') expect(behind).toBe(0);
        if (action === 'adopt') expect(behind).toBeLessThan(0);
        if (['repeat', 'retry', 'late', 'superseded'].includes(action)) expect(behind).toBeGreaterThan(0);
        // A live or newer token is always good for its owner.
        if (!ended && genuine && bound && behind < 0) expect(action).toBe('adopt');
        if (!ended && !idle && genuine && bound && behind === 0) expect(action).toBe(shared ? 'reuse' : 'rotate');

        if (action === 'repeat') expect(inWindow && !isStrict && !otherDevice && !shared && !known).toBe(true);
        if (action === 'repeat' && claims) expect(behind).toBe(1);
        if (action === 'retry') expect(lateRetries).toBeDefined();
        if (decision.action === 'retry') expect(decision.late).toBe(!inWindow && !raced);
        if (decision.action === 'retry' && decision.late)
          expect(behind === 1 && sameDevice && lateRetries! < 3).toBe(true);
        if (action === 'late') expect(mayBeLate && !inWindow && !shared && !known).toBe(true);
        // Who is told that its token has been replaced is known, knows better, or was in a race.
        if (action === 'superseded') expect(known || (claims && behind > 1 && inWindow) || raced).toBe(true);
        if (reason === 'concurrent') expect(isStrict && raced).toBe(true);

        const genuineOlder = !ended && !idle && genuine && bound && behind > 0;
        // No false reuse: not for a use that is known, nor within the window, nor in a race, from the same device.
        if (genuineOlder && known) expect(action).not.toBe('reuse');
        if (genuineOlder && !shared && !otherDevice && (inWindow || raced) && !(isStrict && !raced)) {
          expect(action).not.toBe('reuse');
        }
        if (genuineOlder && !shared && mayBeLate && !inWindow) expect(action).not.toBe('reuse');
        // No reuse overlooked.
        if (genuineOlder && !known && shared) expect(reason).toBe('token_shared');
        if (genuineOlder && !known && !shared && !inWindow && !mayBeLate && !raced)
          expect(reason).toBe('reuse_detected');
        if (genuineOlder && !known && !shared && inWindow && otherDevice && !isStrict && (behind === 1 || !claims)) {
          expect(reason).toBe('reuse_detected');
        }
        if (genuineOlder && !known && isStrict && !raced) expect(action).toBe('reuse');
        if (!ended && !idle && genuine && !bound && behind > 0) expect(reason).toBe('reuse_detected');

        // Who names another client gets no token, and what is theft otherwise still is. No other session ends by it.
        const ofOther = decideRefresh(row, { ...presented, otherClient: true }, now, limit);
        const stays = action === 'reuse' || (action === 'refuse' && reason !== 'concurrent');
        expect(ofOther).toEqual(stays ? decision : refuse('client_mismatch'));
      }),
      { numRuns: 50_000 },
    );
  });
});

describe('the last generation that a token can hold', () => {
  const last = 0xffff_ffff;
  const presented = { ...token, generation: last, arrivedAt: START + 1 };

  it.each([
    ['the live token', last],
    ['a token that is newer than its row', last - 1],
  ])('has no successor: %s is refused', (_, generation) => {
    expect(decideRefresh({ ...session, generation }, presented, START + 1, limits)).toEqual({
      action: 'refuse',
      reason: 'expired',
    });
  });

  it('is still answered to a repeat', () => {
    const state = { ...session, generation: last, windowGeneration: last - 1 };
    expect(decideRefresh(state, { ...presented, generation: last - 1 }, START + 1, limits).action).toBe('repeat');
  });
});
