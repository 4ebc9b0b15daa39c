import type { RefreshTokenOptions } from 'nestjs-refresh-token';

/** The value of `LATE_ANSWERS`: `off`, or how many in which time, for example `1/1d` or `1/1d without keys`. */
export function lateAnswersOf(text: string): RefreshTokenOptions['lateAnswers'] {
  if (text === 'off') return false;
  const [, burst, per, withoutKeys] = /^(\d{1,9})\/(\d{1,9}(?:ms|s|m|h|d))( without keys)?$/.exec(text) ?? [];
  if (burst === undefined || Number(burst) === 0) {
    throw new Error(
      `LATE_ANSWERS is '${text}'. Write off, or a number and a time, for example 1/1d or 1/1d without keys.`,
    );
  }
  return { burst: Number(burst), per, withoutKeys: withoutKeys !== undefined };
}
