/** No session and no event is this old. A smaller number is usually a time in seconds. */
const YEAR_2000 = Date.UTC(2000);

/** Milliseconds since the Unix epoch; `undefined` if the argument is not a time of this century or a later one. */
export function givenTime(given: unknown): number | undefined {
  const time = given instanceof Date ? given.getTime() : given;
  return Number.isSafeInteger(time) && (time as number) >= YEAR_2000 ? (time as number) : undefined;
}
