import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/demo/demo-config.js';

const lateAnswersOf = (text?: string) =>
  readConfig({ DATABASE_URL: 'postgres://127.0.0.1/demo', AUTH_SECRET: 'not used', LATE_ANSWERS: text }).lateAnswers;

describe('LATE_ANSWERS', () => {
  test.each([
    [undefined, { burst: 1, per: '1d', withoutKeys: false }],
    ['', { burst: 1, per: '1d', withoutKeys: false }],
    ['1/1d', { burst: 1, per: '1d', withoutKeys: false }],
    ['1/1d without keys', { burst: 1, per: '1d', withoutKeys: true }],
    ['3/90m', { burst: 3, per: '90m', withoutKeys: false }],
    ['10/500ms without keys', { burst: 10, per: '500ms', withoutKeys: true }],
    ['off', false],
  ])('%j is %j', (text, option) => {
    expect(lateAnswersOf(text)).toEqual(option);
  });

  test.each([
    'on',
    'OFF',
    '1',
    '1d',
    '0/1d',
    '-1/1d',
    '1.5/1d',
    '1/1',
    '1/1w',
    '1/d',
    '1 / 1d',
    '1/1d without',
    '1/1d with keys',
    '1/1d without keys, please',
    'off without keys',
    '1/1d\n',
  ])('%j is refused', (text) => {
    expect(() => lateAnswersOf(text)).toThrow(/^LATE_ANSWERS is '[^]*'\. Write off, or .*1\/1d without keys\.$/);
  });
});
