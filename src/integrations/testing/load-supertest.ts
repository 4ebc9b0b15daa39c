import type supertest from 'supertest';

/** The package. */
export type Supertest = typeof supertest;
/** What `supertest.agent()` returns. */
export type SupertestAgent = supertest.Agent;
/** A request of an agent, before it is sent. */
export type SupertestRequest = supertest.Test;

/** `undefined` if the package is not installed. */
export async function loadSupertest(): Promise<Supertest | undefined> {
  try {
    return (await import('supertest')).default;
  } catch (error) {
    // An ES module that is missing has another code than one that is required.
    if (/MODULE_NOT_FOUND$/.test(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw error;
  }
}
